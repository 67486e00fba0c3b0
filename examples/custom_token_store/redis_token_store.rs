//! Grants in Redis, shared by all processes that reach the server.
//!
//! One hash holds a JSON text for each shop. The tokens in it are sealed before they come here. A text is replaced only
//! if it is still the one that was read, by a script, which Redis runs as one step. The lease of a refresh is part of
//! the text, and ends by the clock of the server. Vault's KV version 2 (`cas`), etcd (`mod_revision`) and Consul (`cas`)
//! can do the same.

use std::collections::BTreeMap;
use std::time::Duration;

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use redis::{Client, Connection, RedisResult, cmd};
use shopsync::auth::store::{Capabilities, TokenStore, TokenStoreError, json};
use shopsync::domain::credential::{Claim, Credential};

/// The hash with all grants, by the names of the shops.
const GRANTS: &str = "shopsync:grants";

/// How long the server may take to answer.
const PATIENCE: Duration = Duration::from_secs(5);

/// With these settings Redis answers a write only when it is on the disk, and never drops it to make room. Replicas do
/// not help: one that takes over may lack the last write, and would bring a spent refresh token back.
const DURABLE: [(&str, &str); 3] =
    [("appendonly", "yes"), ("appendfsync", "always"), ("maxmemory-policy", "noeviction")];

/// Replaces the text of the shop `ARGV[1]` if it is `ARGV[2]`. An empty `ARGV[2]` stands for no text.
const SWAP: &str = "
    if (redis.call('HGET', KEYS[1], ARGV[1]) or '') ~= ARGV[2] then return 0 end
    redis.call('HSET', KEYS[1], ARGV[1], ARGV[3])
    return 1";

pub(crate) struct RedisTokenStore {
    server: Client,
    is_durable: bool,
}

impl RedisTokenStore {
    /// `url`: `redis://USER:PASSWORD@HOST:PORT/DATABASE` or `redis+unix:///SOCKET`.
    pub(crate) async fn open(url: &str) -> Result<Self, TokenStoreError> {
        let server = Client::open(url).map_err(TokenStoreError::new)?;
        let store = Self { server, is_durable: false };
        let is_durable = store.ask(is_durable).await?;
        Ok(Self { is_durable, ..store })
    }

    /// Asks on a connection of its own, so that a server that was restarted needs no care.
    async fn ask<T: Send + 'static>(
        &self,
        question: impl FnOnce(&mut Connection) -> RedisResult<T> + Send + 'static,
    ) -> Result<T, TokenStoreError> {
        let server = self.server.clone();
        let answer = tokio::task::spawn_blocking(move || {
            let mut connection = server.get_connection_with_timeout(PATIENCE)?;
            connection.set_read_timeout(Some(PATIENCE))?;
            connection.set_write_timeout(Some(PATIENCE))?;
            question(&mut connection)
        });
        answer.await.map_err(TokenStoreError::new)?.map_err(TokenStoreError::new)
    }

    async fn text(&self, shop: &str) -> Result<Option<String>, TokenStoreError> {
        let shop = shop.to_owned();
        self.ask(move |connection| cmd("HGET").arg(GRANTS).arg(shop).query(connection)).await
    }
}

fn is_durable(connection: &mut Connection) -> RedisResult<bool> {
    for (setting, needed) in DURABLE {
        let told: BTreeMap<String, String> = cmd("CONFIG").arg("GET").arg(setting).query(connection)?;
        if told.get(setting).is_none_or(|value| value != needed) {
            return Ok(false);
        }
    }
    Ok(true)
}

fn read(shop: &str, text: &str) -> Result<Credential, TokenStoreError> {
    json::read(shop, text).map_err(TokenStoreError::new)
}

#[async_trait]
impl TokenStore for RedisTokenStore {
    /// What the server promises. `shopsync` keeps no tokens that work once in a store that is not durable.
    fn capabilities(&self) -> Capabilities {
        Capabilities { durable: self.is_durable, cross_process: true }
    }

    async fn now(&self) -> Result<DateTime<Utc>, TokenStoreError> {
        let (seconds, micros): (i64, i64) = self.ask(|connection| cmd("TIME").query(connection)).await?;
        let now = DateTime::from_timestamp_micros(seconds * 1_000_000 + micros);
        now.ok_or_else(|| TokenStoreError::new(std::io::Error::other("the time of the server is absurd")))
    }

    async fn load(&self, shop: &str) -> Result<Option<Credential>, TokenStoreError> {
        self.text(shop).await?.map(|text| read(shop, &text)).transpose()
    }

    async fn list(&self) -> Result<Vec<Credential>, TokenStoreError> {
        let texts: BTreeMap<String, String> =
            self.ask(|connection| cmd("HGETALL").arg(GRANTS).query(connection)).await?;
        texts.iter().map(|(shop, text)| read(shop, text)).collect()
    }

    async fn swap(&self, claim: Option<&Claim>, next: &Credential) -> Result<bool, TokenStoreError> {
        let present = self.text(&next.shop).await?;
        let row = present.as_deref().map(|text| read(&next.shop, text)).transpose()?;
        if row.map(|row| row.claim()).as_ref() != claim {
            return Ok(false);
        }
        let (shop, text) = (next.shop.clone(), json::write(next));
        // A process that wrote since then changed the text, and the script refuses ours.
        self.ask(move |connection| {
            let mut swap = cmd("EVAL");
            swap.arg(SWAP).arg(1).arg(GRANTS).arg(shop).arg(present.unwrap_or_default()).arg(text.as_str());
            swap.query(connection)
        })
        .await
    }

    async fn clear(&self, shop: &str) -> Result<bool, TokenStoreError> {
        let shop = shop.to_owned();
        self.ask(move |connection| cmd("HDEL").arg(GRANTS).arg(shop).query(connection)).await
    }
}

//! Puts the token store beside this file through the checks that the stores of `shopsync` itself pass:
//! `cargo run --example custom_token_store -- redis://127.0.0.1/`
//!
//! A program of your own hands the store to `shopsync::app::App::with_token_store`.

use std::error::Error;
use std::sync::Arc;

use redis_token_store::RedisTokenStore;
use shopsync::auth::store::{TokenStore, conformance};

mod redis_token_store;

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let url = std::env::args().nth(1).ok_or("name the server, for example redis://127.0.0.1/")?;
    let store = Arc::new(RedisTokenStore::open(&url).await?);
    if !store.capabilities().durable {
        return Err("this Redis may lose what it confirmed: see `DURABLE` in redis_token_store.rs".into());
    }
    let broken = conformance::check(async || store.clone()).await;
    if broken.is_empty() { Ok(()) } else { Err(broken.join("\n").into()) }
}

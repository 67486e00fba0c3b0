//! One message to one webhook of the config: its files read now, a few tries, and why it did not arrive.

use std::path::{Path, PathBuf};
use std::time::Duration;

use secrecy::{ExposeSecret, SecretString};
use url::Url;

use super::courier::{Courier, CourierError};
use super::hook::{self, Refusal};
use super::message::Message;
use crate::clock::Clock;
use crate::config::WebhookConfig;

/// Pauses between the tries of one message.
const PAUSES: [Duration; 2] = [Duration::from_secs(1), Duration::from_secs(5)];

/// Why a message did not arrive. Says nothing of the address.
#[derive(Debug, thiserror::Error)]
pub enum WebhookError {
    #[error("the file {} cannot be read", path.display())]
    File {
        path: PathBuf,
        #[source]
        source: std::io::Error,
    },
    #[error("the file {} holds no address that begins with https:// or http://", path.display())]
    NoAddress { path: PathBuf },
    #[error(transparent)]
    Courier(#[from] CourierError),
    #[error(transparent)]
    Refused(#[from] Refusal),
}

impl WebhookError {
    fn may_pass(&self) -> bool {
        match self {
            Self::Courier(_) => true,
            Self::Refused(refusal) => refusal.may_pass(),
            Self::File { .. } | Self::NoAddress { .. } => false,
        }
    }
}

/// Tells a webhook, three tries at most. The files are read each time, so that a new address needs no restart.
pub async fn send(
    courier: &Courier,
    webhook: &WebhookConfig,
    message: &Message,
    clock: &Clock,
) -> Result<(), WebhookError> {
    let address = address_in(&webhook.url_file).await?;
    let secret = match &webhook.secret_file {
        Some(path) => Some(text_in(path).await?),
        None => None,
    };
    let mut pauses = PAUSES.into_iter();
    loop {
        // Signed anew each time: a signature holds the moment.
        let letter = hook::letter(webhook.kind, &address, secret.as_ref(), message, clock.now());
        let error = match courier.carry(letter).await {
            Ok(answer) => match hook::accepted(webhook.kind, &answer) {
                Ok(()) => return Ok(()),
                Err(refusal) => WebhookError::Refused(refusal),
            },
            Err(error) => WebhookError::Courier(error),
        };
        match pauses.next().filter(|_| error.may_pass()) {
            Some(pause) => tokio::time::sleep(pause).await,
            None => return Err(error),
        }
    }
}

async fn address_in(path: &Path) -> Result<Url, WebhookError> {
    let text = text_in(path).await?;
    Url::parse(text.expose_secret())
        .ok()
        .filter(|url| matches!(url.scheme(), "http" | "https") && url.has_host())
        .ok_or_else(|| WebhookError::NoAddress { path: path.to_owned() })
}

async fn text_in(path: &Path) -> Result<SecretString, WebhookError> {
    let text = tokio::fs::read_to_string(path)
        .await
        .map_err(|source| WebhookError::File { path: path.to_owned(), source })?;
    Ok(SecretString::from(text.trim().to_owned()))
}

//! Sends one message to one webhook of the config, with a few tries.

use std::path::{Path, PathBuf};
use std::time::Duration;

use secrecy::{ExposeSecret, SecretString};
use url::Url;

use super::message::Message;
use super::sender::{SendError, Sender};
use super::webhook_protocol::{self, Rejection};
use crate::clock::Clock;
use crate::config::WebhookConfig;

/// Pauses between the tries of one message.
const PAUSES: [Duration; 2] = [Duration::from_secs(1), Duration::from_secs(5)];

/// Why a message was not delivered. Never contains the address.
#[derive(Debug, thiserror::Error)]
pub enum WebhookError {
    #[error("could not read the file {}", path.display())]
    File {
        path: PathBuf,
        #[source]
        source: std::io::Error,
    },
    #[error("the file {} has no address that begins with https:// or http://", path.display())]
    NoAddress { path: PathBuf },
    #[error(transparent)]
    Sender(#[from] SendError),
    #[error(transparent)]
    Refused(#[from] Rejection),
}

impl WebhookError {
    fn is_temporary(&self) -> bool {
        match self {
            Self::Sender(_) => true,
            Self::Refused(rejection) => rejection.is_temporary(),
            Self::File { .. } | Self::NoAddress { .. } => false,
        }
    }
}

/// Sends a message, with three tries at most. Reads the files each time, so that a new address needs no restart.
pub async fn send(
    sender: &Sender,
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
        // Signed again for each try, because the signature contains the time.
        let request =
            webhook_protocol::request(webhook.kind, &address, secret.as_ref(), message, clock.now());
        let error = match sender.send(request).await {
            Ok(response) => match webhook_protocol::check_response(webhook.kind, &response) {
                Ok(()) => return Ok(()),
                Err(rejection) => WebhookError::Refused(rejection),
            },
            Err(error) => WebhookError::Sender(error),
        };
        match pauses.next().filter(|_| error.is_temporary()) {
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

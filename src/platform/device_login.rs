//! Logging in by a code that the owner scans with the platform's app: shown, waited for, exchanged once.

use async_trait::async_trait;
use secrecy::SecretString;

use super::error::PlatformError;
use crate::domain::grant::Granted;

/// A platform whose owners log in by scanning.
#[async_trait]
pub trait DeviceLogin: Send + Sync {
    /// How many grants of one account an app may hold at once; one more ends the oldest. `None`: no such limit.
    fn grants_max(&self) -> Option<u32>;

    /// Requests a new code.
    async fn begin(&self) -> Result<DeviceCode, PlatformError>;

    /// What became of a code. The platform may hold its answer back until something happens.
    async fn progress(&self, secret: &SecretString) -> Result<DeviceProgress, PlatformError>;

    /// Exchanges a code the owner said yes to. Sent once, over a fresh connection, with its own short deadline.
    async fn exchange(&self, secret: &SecretString) -> Result<Granted, PlatformError>;
}

/// A code to be scanned. Has no `Debug`.
pub struct DeviceCode {
    /// What the picture says: an address of the platform.
    pub shown: String,
    /// Everything that is needed to follow the code and to exchange it. No one but its platform reads it.
    pub secret: SecretString,
}

/// How far an owner has come with a code.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DeviceProgress {
    Waiting,
    /// Scanned, and not yet said yes to.
    Scanned,
    Confirmed,
    /// Too old, or the owner said no: a new one is needed.
    Dead,
}

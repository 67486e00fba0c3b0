//! The arguments of `init`. It asks for what is missing.

use std::path::PathBuf;

use clap::Args;

#[derive(Args)]
pub struct InitArgs {
    /// The platform on which the app is registered
    #[arg(long, value_name = "PLATFORM")]
    pub platform: Option<String>,
    /// The platform's zone, where it has several
    #[arg(long, value_name = "ZONE")]
    pub zone: Option<String>,
    /// What to call the app in the config [default: its platform and zone]
    #[arg(long, value_name = "APP")]
    pub app: Option<String>,
    /// What to call the shop in the config
    #[arg(long, value_name = "SHOP")]
    pub shop: Option<String>,
    /// The app's key or id, as the platform's console shows it
    #[arg(long, value_name = "KEY")]
    pub app_key: Option<String>,
    /// A file that holds the app's secret; - is stdin
    #[arg(long, value_name = "FILE")]
    pub secret_from: Option<PathBuf>,
    /// Where owners are sent back to, as registered in the console
    #[arg(long, value_name = "ADDRESS")]
    pub redirect_uri: Option<String>,
}

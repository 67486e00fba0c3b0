//! The words of `shop`.

use clap::Subcommand;

#[derive(Subcommand)]
pub enum ShopVerb {
    /// Give a shop's rows and its grant another name, after its section in the config got it
    Rename {
        /// As in the database
        old: String,
        /// As in the config
        new: String,
    },
    /// Delete a shop: its rows, the platform's answers and its grant
    Forget {
        /// As in the database
        shop: String,
        /// Do not ask
        #[arg(long)]
        yes: bool,
    },
}

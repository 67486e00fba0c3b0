//! The arguments of `shop`.

use clap::Subcommand;

#[derive(Subcommand)]
pub enum ShopVerb {
    /// Rename a shop's rows and tokens, after its section in the config was renamed
    Rename {
        /// The shop's name in the database
        old: String,
        /// The shop's name in the config
        new: String,
    },
    /// Delete a shop: its rows, the platform's answers and its tokens
    Forget {
        /// The shop's name in the database
        shop: String,
        /// Do not ask
        #[arg(long)]
        yes: bool,
    },
}

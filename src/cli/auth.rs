//! The arguments of `auth`.

use std::path::PathBuf;

use clap::Subcommand;

use super::TableArgs;

#[derive(Subcommand)]
pub enum AuthVerb {
    /// Authorise a shop: shows where to go, takes what you bring back
    Login {
        /// The shop's name in the config
        shop: String,
    },
    /// Print the address where a shop's owner grants access
    Url {
        /// The shop's name in the config
        shop: String,
    },
    /// Authorise a shop by a code that its owner scans
    Qr {
        /// The shop's name in the config
        shop: String,
    },
    /// Exchange an authorisation code
    Code {
        /// The shop's name in the config
        shop: String,
        /// The code, or the whole address the owner was sent back to; - reads it from stdin
        code: String,
    },
    /// Store a token you have
    Set {
        /// The shop's name in the config
        shop: String,
        /// A file; `-` is stdin
        #[arg(long, value_name = "FILE", help = TOKEN_HELP)]
        from: PathBuf,
        #[arg(long, help = UNPROVEN_HELP)]
        unproven: bool,
    },
    /// Take over the tokens of another program, which must be stopped for good
    Import {
        /// The shop's name in the config
        shop: String,
        /// Its token file, JSON; - is stdin
        file: PathBuf,
        /// Do not ask whether that program is stopped
        #[arg(long)]
        yes: bool,
        #[arg(long, help = UNPROVEN_HELP)]
        unproven: bool,
    },
    /// Print an access token for another program, valid for at least five minutes
    Token {
        /// The shop's name in the config
        shop: String,
        #[command(flatten)]
        table: TableArgs,
    },
    /// Show how long each authorisation lasts, and who must do what by when
    Status(TableArgs),
    /// Renew a shop's token now
    Refresh {
        /// The shop's name in the config
        shop: String,
        /// Send the stored refresh token even if it may be used up, or its grant was given up
        ///
        /// If it was used before, the platform refuses it, and may end tokens that still work.
        #[arg(long)]
        force: bool,
    },
    /// Renew tokens in a copied or restored database from now on
    ///
    /// Only if no one uses the original any more: otherwise both use up tokens that work once.
    TakeOver {
        /// The shop's name in the config; `*` and `?` stand for any letters
        #[arg(required = true, value_name = "SHOP")]
        shops: Vec<String>,
    },
    /// Seal all tokens with a new key, while everything runs
    ///
    /// Writes a new first line into the key file and seals what is stored anew. Where the last rotation was not
    /// finished, or a new first line was put there by hand, it finishes that instead.
    RotateKey,
    /// Delete a shop's tokens
    Clear {
        /// The shop's name in the config
        shop: String,
    },
}

const UNPROVEN_HELP: &str =
    "Store it even if the platform cannot check it now; the token that it replaces is kept";
const TOKEN_HELP: &str =
    "A file with a bare token, or JSON with access_token and what else is known; - is stdin";

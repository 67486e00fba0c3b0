//! The words of `auth`.

use std::path::PathBuf;

use clap::Subcommand;

use super::TableArgs;

#[derive(Subcommand)]
pub enum AuthVerb {
    /// Authorise a shop: shows where to go, takes what you bring back
    Login {
        /// As in the config
        shop: String,
    },
    /// Print the address where a shop's owner grants access
    Url {
        /// As in the config
        shop: String,
    },
    /// Authorise a shop by a code that its owner scans
    Qr {
        /// As in the config
        shop: String,
    },
    /// Exchange an authorisation code
    Code {
        /// As in the config
        shop: String,
        /// The code, or the whole address the owner was sent back to; - reads it from stdin
        code: String,
    },
    /// Store a token you have
    Set {
        /// As in the config
        shop: String,
        /// A file; `-` is stdin
        #[arg(long, value_name = "FILE", help = TOKEN_HELP)]
        from: PathBuf,
        #[arg(long, help = UNPROVEN_HELP)]
        unproven: bool,
    },
    /// Take over the tokens of another program, which must be stopped for good
    Import {
        /// As in the config
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
        /// As in the config
        shop: String,
        #[command(flatten)]
        table: TableArgs,
    },
    /// How long each authorisation still lives, and who must do what by when
    Status(TableArgs),
    /// Renew a shop's token now
    Refresh {
        /// As in the config
        shop: String,
        /// Send the stored refresh token whatever is known of it, also that of a grant that was given up
        ///
        /// If it was spent before, the platform refuses it; a platform may then end tokens that still work.
        #[arg(long)]
        force: bool,
    },
    /// Renew tokens in a copied or restored database from now on
    ///
    /// Only when nobody uses the original any more: tokens that work once would be spent by both.
    TakeOver {
        /// As in the config; `*` and `?` stand for any letters
        #[arg(required = true, value_name = "SHOP")]
        shops: Vec<String>,
    },
    /// Seal all tokens with a new key, while everything runs
    ///
    /// Writes a new first line into the key file and seals what is stored anew. Where the last rotation was not
    /// finished, or a new first line was put there by hand, it finishes that instead.
    RotateKey,
    /// Forget a shop's tokens
    Clear {
        /// As in the config
        shop: String,
    },
}

const UNPROVEN_HELP: &str =
    "Store it even if the platform cannot be asked about it; what it replaces is kept beside";
const TOKEN_HELP: &str =
    "A file with a bare token, or JSON with access_token and what else is known; - is stdin";

//! `auth import`: takes tokens over from another program's file.

use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use super::super::confirm::confirm;
use super::login::{parse_given, take_given};
use super::paste::{eprint_line, read_given};
use super::stored_grant;
use crate::app::App;
use crate::auth::TokenInput;
use crate::domain::shop::Shop;
use crate::language::text;

/// What was said on the command line.
#[derive(Clone, Copy)]
pub(super) struct Import {
    /// The other program is stopped for good.
    pub(super) yes: bool,
    /// Store them even if the platform cannot be reached.
    pub(super) unproven: bool,
}

pub(super) async fn import(app: &App, shop: &Shop, file: &Path, args: Import) -> anyhow::Result<()> {
    let given = TokenInput { may_be_unproven: args.unproven, ..parse_given(shop, &read_given(file)?)? };
    warn_if_others_can_read(file);
    let is_renewable = given.refresh.is_some();
    if is_renewable {
        let file = file.display();
        let question = text!(
            "Is the program that wrote {file} stopped for good? Two programs that spend one refresh token lose the grant.",
            "写 {file} 的程序是否已永久停用？两个程序共用一个刷新令牌会失去授权。"
        );
        confirm(&question, "yes", args.yes)?;
    }
    let granted = take_given(app, shop, given).await?;
    stored_grant::print(app, shop, &granted).await?;
    if is_renewable {
        let (file, name) = (file.display(), &shop.name);
        eprint_line(text!(
            "From its next refresh on, the copy in {file} is dead: let that program ask `shopsync auth token {name}`, \
             and delete the file.",
            "下次续期之后，{file} 里的副本就失效了：请让那个程序改用 `shopsync auth token {name}`，并删除这个文件。"
        ));
    }
    Ok(())
}

/// Such files are mostly readable by all users. It is too late to prevent that, so the person is warned.
fn warn_if_others_can_read(file: &Path) {
    let is_open = std::fs::metadata(file).is_ok_and(|file| file.permissions().mode() & 0o077 != 0);
    if is_open {
        let file = file.display();
        tracing::warn!(
            event = "config.warning",
            "{file} holds tokens and others can read it: chmod 600 {file}"
        );
    }
}

//! `auth rotate-key`: a new key for all stored tokens, while daemons work with them.

use std::collections::BTreeSet;
use std::path::Path;

use super::super::chinese::text_of;
use super::super::output;
use crate::app::App;
use crate::auth::AuthError;
use crate::auth::keys::reseal::Resealed;
use crate::auth::keys::rotation::add_key;
use crate::exit::{Exit, Failure};
use crate::language::{Text, text};

pub(super) async fn rotate_key(app: &App) -> anyhow::Result<()> {
    let keyring = app.tokens.keyring();
    let Some(file) = keyring.file().filter(|_| app.config().tokens.seal) else {
        let message = text!(
            "nothing is sealed here (`[tokens] seal = false`), so there is no key to rotate",
            "这里没有加密（`[tokens] seal = false`），没有可更换的密钥"
        );
        return Err(Failure::new(Exit::BadConfig, message).into());
    };
    let place = file.display();
    // A rotation that was interrupted, or started by hand, is finished before another one starts.
    if app.tokens.other_keys_in_use().await?.is_empty() {
        let key_id = add_key(file).map_err(|error| Failure::new(Exit::BadConfig, text_of(&error)))?;
        app.tokens.adopt_key(&key_id)?;
        line(
            &text!("new key", "新密钥"),
            &text!("{key_id}, the first line of {place}", "{key_id}，{place} 的第一行"),
        )?;
    } else {
        let key_id = keyring.active_id();
        let text = text!("{key_id}, the first line of {place} already", "{key_id}，已是 {place} 的第一行");
        line(&text!("key", "密钥"), &text)?;
    }
    let resealed = app.tokens.reseal_all().await?;
    print(app, file, &resealed).await?;
    conclude(&resealed)
}

/// What was done, and which keys nothing needs any more.
async fn print(app: &App, file: &Path, resealed: &Resealed) -> anyhow::Result<()> {
    let (count, place) = (resealed.changed, file.display());
    line(&text!("sealed again", "重新加密"), &text!("{count} of the stored grants", "{count} 个保存的授权"))?;
    let needed = text!("still needed", "仍需保留");
    let in_use = app.tokens.other_keys_in_use().await?;
    let mut unused = app.tokens.keyring().key_ids();
    unused.remove(&app.tokens.keyring().active_id());
    unused.retain(|key_id| !in_use.contains(key_id));
    if !in_use.is_empty() {
        line(&needed, &Text::alike(listed(&in_use)))?;
    }
    if app.tokens.unsaved() > 0 {
        let text = text!(
            "all keys, by tokens that wait in files until they can be stored",
            "全部密钥：有令牌暂存在文件里，等待保存"
        );
        line(&needed, &text)?;
    } else if !unused.is_empty() {
        let unused = listed(&unused);
        let text = text!(
            "{unused}: may be taken out of {place}; only a backup of the tokens from before still needs it",
            "{unused}：可以从 {place} 中删去；只有以前的令牌备份还需要它"
        );
        line(&text!("unused", "不再使用"), &text)?;
    }
    Ok(())
}

fn conclude(resealed: &Resealed) -> anyhow::Result<()> {
    let Some((_, first)) = resealed.left.first() else {
        return Ok(());
    };
    let reasons: Vec<Text> = resealed.left.iter().map(|(_, error)| text_of(error)).collect();
    let joined = |of: fn(&Text) -> &String, between| {
        reasons.iter().map(|said| &**of(said)).collect::<Vec<&str>>().join(between)
    };
    let reasons =
        Text { english: joined(|said| &said.english, "; "), chinese: joined(|said| &said.chinese, "；") };
    let exit = Exit::of_auth(first);
    let advice = if matches!(first, AuthError::Later { .. }) {
        text!("run `shopsync auth rotate-key` again", "请再次运行 `shopsync auth rotate-key`")
    } else {
        text!("nothing of these was overwritten", "这些都没有被改写")
    };
    let text =
        text!("not sealed again: {reasons}; {advice}", "未能重新加密：{reasons}；{advice}"; reasons, advice);
    Err(Failure::new(exit, text).into())
}

fn line(name: &Text, text: &Text) -> anyhow::Result<()> {
    output::line(format_args!("{}  {text}", name.padded(12)))
}

fn listed(key_ids: &BTreeSet<String>) -> String {
    key_ids.iter().map(String::as_str).collect::<Vec<_>>().join(", ")
}

//! `init`: the first hour. Asks what no one can guess, writes config.toml and the secret's file, and says what comes
//! next. To a config that is there it adds, and changes nothing that stands in it.

use std::path::{Path, PathBuf};

use anyhow::Context;
use secrecy::SecretString;

use super::auth::read_given;
use super::output;
use crate::cli::InitArgs;
use crate::config::{Config, LoadOptions, SYSTEM_FILE, is_name, nearest};
use crate::exit::{Exit, Failure};
use crate::language::{Text, text};
use crate::platform::{Login, Profile, profile, profiles};

mod ask;
mod files;
mod text;

use ask::{ask, ask_secret, unanswered};
use text::{NewApp, NewShop};

/// `path`: what `--config` names.
pub fn init(args: &InitArgs, path: Option<PathBuf>) -> anyhow::Result<Exit> {
    let path = place(path)?;
    let there = if path.exists() {
        Some(Config::load(&LoadOptions::from_process(Some(path.clone()))?)?.config)
    } else {
        None
    };
    let asking = Asking { args, there: there.as_ref() };
    let (app_name, new_app) = asking.app()?;
    let shop = asking.shop(&app_name)?;
    let secret = match &new_app {
        Some(app) if app.profile.has_secret => Some(asking.secret()?),
        _ => None,
    };
    let written = files::write(&path, there.is_some(), new_app.as_ref(), &shop, secret.as_ref())?;
    for file in written {
        let file = file.display();
        output::line(text!("written: {file}", "已写入：{file}"))?;
    }
    let profile = match (&new_app, &there) {
        (Some(app), _) => Some(app.profile),
        (None, Some(config)) => config.apps.get(&app_name).and_then(|app| profile(&app.platform)),
        (None, None) => None,
    };
    if there.is_some() {
        output::line(text!(
            "a daemon that runs does not know this shop yet: `systemctl reload shopsync` (or SIGHUP) makes it read the config again",
            "正在运行的守护进程还不知道这个店铺：请执行 `systemctl reload shopsync`（或发送 SIGHUP）让它重新读取配置"
        ))?;
    }
    tell_next(&path, &shop, profile.map_or(Login::Paste, |profile| profile.login))
}

/// The file to write: the one named, else the package's for root, else one here.
fn place(path: Option<PathBuf>) -> anyhow::Result<PathBuf> {
    let named = path
        .or_else(|| std::env::var_os("SHOPSYNC_CONFIG").filter(|path| !path.is_empty()).map(PathBuf::from));
    let system = Path::new(SYSTEM_FILE);
    let path = match named {
        Some(path) => path,
        None if rustix::process::geteuid().is_root() && system.exists() => system.to_owned(),
        None => PathBuf::from("config.toml"),
    };
    std::path::absolute(&path).with_context(|| format!("finding {}", path.display()))
}

struct Asking<'a> {
    args: &'a InitArgs,
    /// The config that is added to. `None`: there is none yet.
    there: Option<&'a Config>,
}

impl Asking<'_> {
    /// The app's name, and what is to be written of it. `None`: it stands in the config already.
    fn app(&self) -> anyhow::Result<(String, Option<NewApp>)> {
        if let Some(name) = self.args.app.as_ref().filter(|name| self.has_app(name)) {
            self.refuse_other_key(name)?;
            return Ok((name.clone(), None));
        }
        let profile = self.platform()?;
        let zone = self.zone(profile)?;
        let usual = match &zone {
            Some(zone) => format!("{}-{zone}", profile.name),
            None => profile.name.to_owned(),
        };
        let name = self.args.app.as_deref().unwrap_or(&usual);
        let name = checked_name(name).map_err(|wrong| refused("--app", &wrong))?;
        if self.has_app(&name) {
            self.refuse_other_key(&name)?;
            return Ok((name, None));
        }
        let question =
            text!("the app's key or id, from the console", "应用的 app key 或 app id（见平台控制台）");
        let key =
            given_or_asked(self.args.app_key.as_deref(), self, &question, "--app-key", |key| match key {
                "" => Err(text!("it is empty", "内容为空")),
                key => Ok(key.to_owned()),
            })?;
        let redirect = self.redirect(profile)?;
        Ok((name.clone(), Some(NewApp { name, profile, zone, key, redirect })))
    }

    fn platform(&self) -> anyhow::Result<&'static Profile> {
        let known: Vec<&str> = profiles().into_iter().map(|profile| profile.name).collect();
        let listed = known.join(" | ");
        let question = text!("platform ({listed})", "平台（{listed}）");
        given_or_asked(self.args.platform.as_deref(), self, &question, "--platform", |name| {
            profile(name).ok_or_else(|| none_of(name, &known))
        })
    }

    fn zone(&self, profile: &Profile) -> anyhow::Result<Option<String>> {
        let known: Vec<&str> = profile.zones.iter().map(|zone| zone.name).collect();
        if known.is_empty() {
            if self.args.zone.is_some() {
                let name = profile.name;
                let text = text!(
                    "platform `{name}` has no zones: leave `--zone` out",
                    "平台 `{name}` 不分区，请去掉 `--zone`"
                );
                return Err(Failure::new(Exit::Usage, text).into());
            }
            return Ok(None);
        }
        let listed = known.join(" | ");
        let question = text!("zone ({listed})", "区域（{listed}）");
        given_or_asked(self.args.zone.as_deref(), self, &question, "--zone", |name| {
            if known.contains(&name) { Ok(name.to_owned()) } else { Err(none_of(name, &known)) }
        })
        .map(Some)
    }

    /// Where owners come back to. `None`: not given, and the platform does not need it or the config has an address.
    fn redirect(&self, profile: &Profile) -> anyhow::Result<Option<String>> {
        let has_address = self.there.is_some_and(|config| config.http.public_url.is_some());
        if self.args.redirect_uri.is_none() && (profile.login != Login::Link || has_address) {
            return Ok(None);
        }
        let question =
            text!("the callback address, as registered in the console", "回调地址（与控制台登记的一致）");
        let given = self.args.redirect_uri.as_deref();
        given_or_asked(given, self, &question, "--redirect-uri", |address| match url::Url::parse(address) {
            Ok(_) => Ok(Some(address.to_owned())),
            Err(_) => Err(text!(
                "this is not an address such as https://example.com/back",
                "这不是网址，应形如 https://example.com/back"
            )),
        })
    }

    fn shop(&self, app: &str) -> anyhow::Result<NewShop> {
        let question = text!("what to call the shop here", "给店铺起个名字（只在本程序中使用）");
        let name = given_or_asked(self.args.shop.as_deref(), self, &question, "--shop", |name| {
            if self.there.is_some_and(|config| config.shops.contains_key(name)) {
                return Err(text!("there is a shop `{name}` already", "店铺 `{name}` 已经存在"));
            }
            checked_name(name)
        })?;
        Ok(NewShop { name, app: app.to_owned() })
    }

    fn secret(&self) -> anyhow::Result<SecretString> {
        let question = text!("the app's secret (not shown)", "应用的 app secret（输入时不显示）");
        match &self.args.secret_from {
            Some(file) => read_given(file),
            None => ask_secret(&question, "--secret-from"),
        }
    }

    /// A key that is not the one of the app that is there would be dropped, and its secret with it.
    fn refuse_other_key(&self, app: &str) -> anyhow::Result<()> {
        let there = self.there.and_then(|config| config.apps.get(app));
        match (&self.args.app_key, there) {
            (Some(key), Some(there)) if key.trim() != there.app_key => {
                let wrong = text!(
                    "app `{app}` is there with another key; give the new app a name of its own with `--app`",
                    "应用 `{app}` 已经存在且 key 不同；请用 `--app` 给新应用另起名字"
                );
                Err(refused("--app-key", &wrong))
            }
            _ => Ok(()),
        }
    }

    fn has_app(&self, name: &str) -> bool {
        self.there.is_some_and(|config| config.apps.contains_key(name))
    }
}

/// What the command line gives, else the answers to questions. Where standard input brings the secret, nothing else is
/// read from it.
fn given_or_asked<T>(
    given: Option<&str>,
    asking: &Asking<'_>,
    question: &Text,
    flag: &str,
    check: impl Fn(&str) -> Result<T, Text>,
) -> anyhow::Result<T> {
    if let Some(given) = given {
        return check(given.trim()).map_err(|wrong| refused(flag, &wrong));
    }
    if asking.args.secret_from.as_deref() == Some(Path::new("-")) {
        return Err(unanswered(question, flag));
    }
    ask(question, flag, check)
}

fn refused(flag: &str, wrong: &Text) -> anyhow::Error {
    let text = text!("`{flag}`: {wrong}. Nothing was written", "`{flag}`：{wrong}。未写入任何文件"; wrong);
    Failure::new(Exit::Usage, text).into()
}

fn checked_name(name: &str) -> Result<String, Text> {
    if is_name(name) {
        return Ok(name.to_owned());
    }
    Err(text!(
        "a name has 1 to 64 letters, digits, `.`, `_` or `-`",
        "名字由 1 到 64 个字母、数字、`.`、`_` 或 `-` 组成"
    ))
}

fn none_of(found: &str, known: &[&str]) -> Text {
    let listed = known.join(", ");
    if let Some(near) = nearest(found, known.iter().copied()) {
        text!(
            "`{found}` is none of {listed}; did you mean `{near}`?",
            "`{found}` 不在 {listed} 之中；是不是 `{near}`？"
        )
    } else {
        text!("`{found}` is none of {listed}", "`{found}` 不在 {listed} 之中")
    }
}

/// What to type next, word for word.
fn tell_next(path: &Path, shop: &NewShop, login: Login) -> anyhow::Result<Exit> {
    let is_found = path == Path::new(SYSTEM_FILE)
        || std::env::current_dir().is_ok_and(|folder| folder.join("config.toml") == path);
    let program =
        if is_found { "shopsync".to_owned() } else { format!("shopsync --config {}", path.display()) };
    let shop = &shop.name;
    let verb = login.verb();
    output::line(text!(
        "next: `{program} auth {verb} {shop}` authorises the shop, `{program} check` shows whether all is well",
        "下一步：用 `{program} auth {verb} {shop}` 给店铺授权，再用 `{program} check` 检查是否一切正常"
    ))?;
    Ok(Exit::Done)
}

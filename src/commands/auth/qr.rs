//! `auth qr`: a code on the terminal that a shop's owner scans with a phone.

use std::io::IsTerminal;
use std::time::Duration;

use anyhow::Context;
use qrcode::QrCode;
use qrcode::render::unicode::Dense1x2;
use tokio::time::{Instant, sleep, timeout_at};
use tokio_util::sync::CancellationToken;

use super::super::signals;
use super::login::{code, not_taken, take_returned};
use super::paste::{eprint_line, prompt};
use super::platform_of;
use super::stored_grant;
use crate::app::App;
use crate::auth::login::device::{DEVICE_LOGIN_LIFE, DeviceAttempt};
use crate::auth::{AuthError, GrantStatus};
use crate::domain::shop::Shop;
use crate::exit::{Exit, Failure};
use crate::language::{Text, text};
use crate::platform::device_login::DeviceProgress;
use crate::platform::error::Retry;
use crate::terminal;

/// Between two looks at what the owner has done.
const POLL_EVERY: Duration = Duration::from_secs(2);

/// White on black whatever the terminal's own colours are: a picture with its colours swapped is not read by every
/// phone.
const COLOURS: &str = "\x1b[97;40m";
const COLOURS_END: &str = "\x1b[0m";

pub(super) async fn run(app: &App, shop: &Shop) -> anyhow::Result<()> {
    let platform = platform_of(app, shop)?;
    let granted = if let Some(login) = platform.device_login() {
        if let Some(grants_max) = login.grants_max() {
            warn_of_eviction(app, shop, grants_max).await?;
        }
        by_device(app, shop).await?
    } else {
        let account = shop.account.as_deref();
        let Some(link) = platform.scan_link(account.unwrap_or_default()) else {
            let (platform, name) = (shop.platform, &shop.name);
            let text = text!(
                "platform `{platform}` has no code to scan; use `shopsync auth login {name}`",
                "平台 `{platform}` 没有可扫的码；请用 `shopsync auth login {name}`"
            );
            return Err(Failure::new(Exit::Usage, text).into());
        };
        if account.is_none() {
            let name = &shop.name;
            let text = text!(
                "the code to scan names the seller: set `account` in [shops.{name}] to the seller's id, or use \
                 `shopsync auth login {name}`",
                "扫码地址要写明商家：请把 [shops.{name}] 的 `account` 设为商家 id，或用 `shopsync auth login {name}`"
            );
            return Err(Failure::new(Exit::BadConfig, text).into());
        }
        by_link(app, shop, &link).await?
    };
    stored_grant::print(app, shop, &granted).await
}

/// A login the platform itself follows: shown, waited for, exchanged once.
async fn by_device(app: &App, shop: &Shop) -> anyhow::Result<GrantStatus> {
    let cancel = signals::cancel_on_signals()?;
    let attempt = app.tokens.begin_device_login(shop).await?;
    show(&attempt.shown)?;
    if let Err(error) = wait_for_owner(app, shop, &attempt, &cancel).await {
        // No one must end what no one waits for.
        app.tokens.give_up_device_login(shop, &attempt.id).await?;
        return Err(error);
    }
    let name = &shop.name;
    let advice = text!("start again: `shopsync auth qr {name}`", "请重新开始：`shopsync auth qr {name}`");
    let granted = app.tokens.login_device(shop, &attempt.id).await;
    granted.map_err(|error| not_taken(error, &code(), advice))
}

async fn wait_for_owner(
    app: &App,
    shop: &Shop,
    attempt: &DeviceAttempt,
    cancel: &CancellationToken,
) -> anyhow::Result<()> {
    let deadline = Instant::now() + DEVICE_LOGIN_LIFE.to_std().context("the life of a login")?;
    let waiting = timeout_at(deadline, until_confirmed(app, shop, attempt));
    match cancel.run_until_cancelled(waiting).await {
        None => Err(over(text!(
            "stopped; the code is void, and nothing was changed",
            "已停止；这个码已作废，没有任何改动"
        ))),
        Some(Err(_)) => Err(over(text!(
            "no one confirmed in time; the code is void, and nothing was changed",
            "没有人及时确认；这个码已作废，没有任何改动"
        ))),
        Some(Ok(outcome)) => outcome,
    }
}

/// Looks again and again; what the network does meanwhile ends nothing.
async fn until_confirmed(app: &App, shop: &Shop, attempt: &DeviceAttempt) -> anyhow::Result<()> {
    let mut was_scanned = false;
    loop {
        match app.tokens.device_progress(shop, &attempt.id).await {
            Ok(DeviceProgress::Confirmed) => return Ok(()),
            Ok(DeviceProgress::Dead) => {
                return Err(over(text!(
                    "the code is no longer valid, and nothing was changed",
                    "这个码已失效，没有任何改动"
                )));
            }
            Ok(DeviceProgress::Scanned) if !was_scanned => {
                was_scanned = true;
                eprint_line(text!("Scanned. Now say yes in the app.", "已扫码。请在手机上确认。"));
            }
            Ok(DeviceProgress::Scanned | DeviceProgress::Waiting) => {}
            Err(AuthError::Platform { source, .. }) if source.retry() != Retry::No => {
                tracing::debug!(shop = %shop.name, "the code could not be polled: {source}");
            }
            Err(error) => return Err(error.into()),
        }
        sleep(POLL_EVERY).await;
    }
}

/// A page for phones, from which a code comes back by hand. It carries no `state`: what is pasted is taken because it
/// was requested here, and only for the seller the page names.
async fn by_link(app: &App, shop: &Shop, link: &str) -> anyhow::Result<GrantStatus> {
    show(link)?;
    eprint_line(text!(
        "Then paste here what you got: the whole address you were sent to, or the code in it.",
        "然后把得到的内容粘贴到这里：跳转后的完整地址，或其中的授权码。"
    ));
    take_returned(app, shop, &prompt()?).await
}

async fn warn_of_eviction(app: &App, shop: &Shop, grants_max: u32) -> anyhow::Result<()> {
    if app.tokens.status(shop).await?.is_some_and(|status| status.usable) {
        let name = &shop.name;
        eprint_line(text!(
            "`{name}` has a working authorisation already. The platform keeps at most {grants_max} of one account for \
             one app: a new one may end the oldest, also one that another program uses.\n",
            "`{name}` 已有可用的授权。平台对一个应用的一个账号最多保留 {grants_max} 个授权：新的会使最旧的失效，\
             即使别的程序正在使用它。\n"
        ));
    }
    Ok(())
}

fn show(address: &str) -> anyhow::Result<()> {
    eprint_line(text!(
        "Scan this with the platform's app, as the owner of the account, and say yes there:\n",
        "请由账号所有者用平台的手机 App 扫描并确认：\n"
    ));
    if std::io::stderr().is_terminal() {
        // The only place that colours anything itself.
        terminal::to_stderr(&format!("{}\n", picture(address)?));
    }
    eprint_line(format_args!("  {}\n", terminal::one_line(address)));
    Ok(())
}

/// The code in half blocks, two rows of squares to a line of text.
fn picture(text: &str) -> anyhow::Result<String> {
    let code = QrCode::new(text).context("drawing the code")?;
    let lines = code.render::<Dense1x2>().dark_color(Dense1x2::Light).light_color(Dense1x2::Dark).build();
    let lines: Vec<String> = lines.lines().map(|line| format!("{COLOURS}{line}{COLOURS_END}")).collect();
    Ok(lines.join("\n"))
}

fn over(text: Text) -> anyhow::Error {
    Failure::new(Exit::Later, text).into()
}

#[cfg(test)]
mod tests {
    use super::{COLOURS, COLOURS_END, picture};

    #[test]
    fn a_picture_is_square_bright_at_its_edge_and_holds_the_three_corners() {
        let picture = picture("https://example.com/scan/0123456789").unwrap();
        let lines: Vec<Vec<char>> = picture
            .lines()
            .map(|line| {
                let line = line.strip_prefix(COLOURS).unwrap().strip_suffix(COLOURS_END).unwrap();
                line.chars().collect()
            })
            .collect();
        let width = lines[0].len();
        assert!(lines.iter().all(|line| line.len() == width));
        assert_eq!(lines.len(), width.div_ceil(2));
        assert!(lines[0].iter().all(|square| *square == '█'), "the quiet edge is bright");
        // Four bright columns, then the dark frame of a corner: seven squares wide, from its first row on.
        let corner = |from: usize| lines[2][from..from + 7].iter().all(|square| matches!(square, ' ' | '▄'));
        assert!(corner(4) && corner(width - 11));
    }
}

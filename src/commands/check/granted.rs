//! What was switched off because the platform did not grant it: requested again, and on again at once when it answers.
//! And shops that are one account.

use std::sync::Arc;
use std::sync::atomic::AtomicU64;

use chrono::TimeDelta;
use tokio_util::sync::CancellationToken;

use super::{Line, State, with_remedy};
use crate::app::App;
use crate::domain::record::{Lane, Record};
use crate::domain::shop::Shop;
use crate::domain::window::Window;
use crate::language::text;
use crate::platform::rate::Priority;
use crate::platform::retry::CallContext;
use crate::platform::{PageQuery, PlatformError, Range, Reach, RecordSource};
use crate::sync::{amounts, stock};

/// One line for each record of the shop that is off.
pub(super) async fn lines(app: &App, shop: &Shop) -> anyhow::Result<Vec<Line>> {
    let mut lines = Vec::new();
    for record in shop.records.iter().copied().filter(|record| app.reads(shop, *record)) {
        if app.store.cursors().off(&shop.name, record.as_str()).await?.is_some() {
            lines.push(line(app, shop, record).await?);
        }
    }
    // These are calls about a single order or SKU: the next one shows whether they are granted, and costs no other.
    for subject in [amounts::SUBJECT, stock::SUBJECT] {
        app.store.cursors().switch_on(&shop.name, subject).await?;
    }
    Ok(lines)
}

async fn line(app: &App, shop: &Shop, record: Record) -> anyhow::Result<Line> {
    let name = &shop.name;
    let subject = text!("records {name}", "数据 {name}");
    let Ok(answer) = ask(app, shop, record).await else {
        // What is wrong with the token is reported on the shop's own line.
        let text =
            text!("{record} are off: the platform did not grant them", "{record} 已停读：平台未授予权限");
        return Ok(Line::new(subject, State::Warning, text));
    };
    if let Err(error @ PlatformError::NotGranted { .. }) = answer {
        return Ok(Line::new(subject, State::Warning, with_remedy(&error, shop)));
    }
    // Any other error says nothing about the grant; the next run shows more.
    app.store.cursors().switch_on(name, record.as_str()).await?;
    let text = text!("{record} were off and are read again", "{record} 曾停读，现已恢复读取");
    Ok(Line::new(subject, State::Ok, text))
}

/// The cheapest page of the record there is.
async fn ask(app: &App, shop: &Shop, record: Record) -> anyhow::Result<Result<(), PlatformError>> {
    let access = app.tokens.access(shop).await?;
    let Some(application) = app.applications.get(&shop.app) else { return Ok(Ok(())) };
    let Some(source) = application.platform().source(record) else { return Ok(Ok(())) };
    let context = CallContext {
        priority: Priority::Update,
        calls: Arc::new(AtomicU64::new(0)),
        cancel: CancellationToken::new(),
        patience: None,
    };
    let query = PageQuery { range: range_of(app, source), page: 1, page_size: 1 };
    Ok(application.call(&context, || source.page(&access, &query)).await.map(drop))
}

fn range_of(app: &App, source: &dyn RecordSource) -> Range {
    let now = app.clock.now();
    match &source.paging().reach {
        Reach::Windows(_) => {
            let window = Window::new(now - TimeDelta::minutes(2), now - TimeDelta::minutes(1))
                .expect("a minute is a window");
            Range::Window { lane: Lane::Update, window, status: None }
        }
        Reach::Lists(lists) => Range::List(lists.first().copied().unwrap_or_default()),
    }
}

/// Shops that were authorised by one account before that was refused.
pub(super) async fn shared_accounts(app: &App) -> Vec<Line> {
    // A database that is away is reported by the next check.
    let shared = app.tokens.shared_accounts().await.unwrap_or_default();
    let line = |shared: crate::auth::login::accounts::SharedAccount| {
        Line::new(text!("shops", "店铺"), State::Warning, shared.warning())
    };
    shared.into_iter().map(line).collect()
}

//! One alert and its texts in English and Chinese. Pure.

use chrono::{DateTime, TimeDelta, Utc};

use super::cause::Cause;
use crate::auth::policy::OwnerReason;
use crate::auth::required_action::sentence;
use crate::auth::required_action::{End, RequiredAction};
use crate::domain::moment;
use crate::domain::record::Record;
use crate::store::reports::alarms::AlarmKey;

/// Something that is wrong now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Alert {
    pub(super) cause: Cause,
    pub(super) shop: Option<String>,
    pub(super) record: Option<Record>,
    pub(super) details: Details,
    /// The command that authorises the shop again. Empty: the alert is about no shop.
    pub(super) login: String,
}

/// The details of a cause.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Details {
    NeedsOwner {
        reason: OwnerReason,
        /// Until when its access token still works. `None`: it does not.
        works_until: Option<DateTime<Utc>>,
    },
    DatabaseAway {
        since: DateTime<Utc>,
    },
    Copied,
    NothingScheduled,
    DaemonBack {
        from: DateTime<Utc>,
        to: DateTime<Utc>,
    },
    Lag {
        /// `None`: nothing was ever read.
        stored_until: Option<DateTime<Utc>>,
    },
    TokenEnding {
        at: DateTime<Utc>,
    },
    RecordOff,
    Difference {
        /// When the last run that found a difference ended.
        at: DateTime<Utc>,
    },
    Quarantine {
        rows: u64,
        newest: DateTime<Utc>,
    },
}

impl Alert {
    pub(super) fn key(&self) -> AlarmKey {
        key(self.cause, self.shop.as_deref(), self.record)
    }

    /// When more was last added. `None`: this cause does not grow.
    pub(super) fn grew_at(&self) -> Option<DateTime<Utc>> {
        match &self.details {
            Details::DaemonBack { to: at, .. }
            | Details::Difference { at }
            | Details::Quarantine { newest: at, .. } => Some(*at),
            _ => None,
        }
    }

    /// One line in English and one in Chinese.
    pub(super) fn texts(&self, now: DateTime<Utc>) -> (String, String) {
        let shop = self.shop.as_deref().unwrap_or_default();
        let record = self.record.map(Record::as_str).unwrap_or_default();
        let record_zh = self.record.map(record_zh).unwrap_or_default();
        let login = &self.login;
        match &self.details {
            Details::NeedsOwner { reason, works_until } => {
                let works_until = works_until.map(|at| End::of(at, now));
                grant(shop, login, &RequiredAction::AskOwner { reason: *reason, works_until })
            }
            Details::DatabaseAway { since } => (
                format!("the database has been away since {}; nothing is read meanwhile", moment(*since)),
                format!("数据库自 {} 起无法访问，期间不读取数据", moment(*since)),
            ),
            Details::Copied => grant(shop, login, &RequiredAction::TakeOver),
            Details::NothingScheduled => (
                "no enabled job covers any record of any shop: nothing is read. See [jobs] and [shops] of config.toml"
                    .to_owned(),
                "没有任何启用的任务覆盖任何店铺，数据不再同步：请检查 config.toml 的 [jobs] 与 [shops]".to_owned(),
            ),
            Details::DaemonBack { from, to } => (
                format!(
                    "shopsync is back after {}: it did not work from {} to {}, and catches up by itself",
                    length(*to - *from),
                    moment(*from),
                    moment(*to)
                ),
                format!("shopsync 中断 {} 后已恢复运行，将自动补齐数据", length_zh(*to - *from)),
            ),
            Details::Lag { stored_until: Some(at) } => (
                format!("{record} of shop {shop} are {} behind. See: shopsync status", length(now - *at)),
                format!("店铺 {shop} 的{record_zh}落后 {}：shopsync status", length_zh(now - *at)),
            ),
            Details::Lag { stored_until: None } => (
                format!("{record} of shop {shop} have never been read. See: shopsync runs --shop {shop}"),
                format!("店铺 {shop} 的{record_zh}从未成功读取：shopsync runs --shop {shop}"),
            ),
            Details::TokenEnding { at } => grant(shop, login, &RequiredAction::AuthoriseBefore(End::of(*at, now))),
            Details::RecordOff => (
                format!(
                    "{record} of shop {shop} are switched off: the platform does not grant them. Add the permission to the app; \
                     shopsync tries again daily"
                ),
                format!("店铺 {shop} 的{record_zh}已停读：平台未授予权限，请为应用添加权限；每天重试"),
            ),
            Details::Difference { at } => (
                format!(
                    "the comparison at {} found {record} of shop {shop} that had been missed; they are stored now. See: \
                     shopsync runs --shop {shop} --failed",
                    moment(*at)
                ),
                format!("店铺 {shop} 对账发现漏读的{record_zh}，已补存：shopsync runs --shop {shop} --failed"),
            ),
            Details::Quarantine { rows, .. } => (
                format!("shop {shop} has {rows} {record} in quarantine that cannot be read. See: shopsync quarantine list"),
                format!("店铺 {shop} 有 {rows} 条{record_zh}无法解析：shopsync quarantine list"),
            ),
        }
    }
}

/// The action a grant requires, in the words of `auth status`, without backquotes.
fn grant(shop: &str, login: &str, action: &RequiredAction) -> (String, String) {
    let text = sentence(shop, login, action);
    let plain = |text: &str| text.replace('`', "");
    (format!("shop {shop}: {}", plain(&text.english)), format!("店铺 {shop}：{}", plain(&text.chinese)))
}

/// The texts for the end of an alert, in English and in Chinese.
pub(super) fn end_texts(
    cause: Cause,
    shop: &str,
    record: Option<Record>,
    lasted: TimeDelta,
) -> (String, String) {
    let (record, record_zh) = record.map_or(("", ""), |record| (record.as_str(), record_zh(record)));
    let (english, chinese) = match cause {
        Cause::NeedsOwner | Cause::TokenEnding => {
            (format!("shop {shop} was authorised again"), format!("店铺 {shop} 已重新授权"))
        }
        Cause::Copied => {
            (format!("the token of shop {shop} is renewed again"), format!("店铺 {shop} 的令牌恢复续期"))
        }
        Cause::NothingScheduled => ("jobs are scheduled again".to_owned(), "任务已恢复调度".to_owned()),
        Cause::Lag => (
            format!("{record} of shop {shop} are no longer behind"),
            format!("店铺 {shop} 的{record_zh}不再落后"),
        ),
        Cause::RecordOff => {
            (format!("{record} of shop {shop} are read again"), format!("店铺 {shop} 的{record_zh}恢复读取"))
        }
        Cause::Quarantine => (
            format!("no {record} of shop {shop} are in quarantine any more"),
            format!("店铺 {shop} 的{record_zh}隔离区已清空"),
        ),
        Cause::DatabaseAway | Cause::DaemonBack | Cause::Difference => {
            ("it is over".to_owned(), "已恢复".to_owned())
        }
    };
    (format!("{english}, after {}", length(lasted)), format!("{chinese}（持续 {}）", length_zh(lasted)))
}

pub(super) fn key(cause: Cause, shop: Option<&str>, record: Option<Record>) -> AlarmKey {
    AlarmKey {
        cause: cause.as_str().to_owned(),
        shop: shop.unwrap_or_default().to_owned(),
        record: record.map(Record::as_str).unwrap_or_default().to_owned(),
    }
}

fn record_zh(record: Record) -> &'static str {
    match record {
        Record::Orders => "订单",
        Record::Products => "商品",
        Record::AfterSales => "售后单",
        Record::Activities => "活动",
    }
}

fn moment(at: DateTime<Utc>) -> String {
    format!("{} UTC", moment::to_minute(at))
}

fn length(length: TimeDelta) -> String {
    let (days, hours, minutes) = parts(length);
    match (days, hours) {
        (0, 0) => format!("{minutes} min"),
        (0, _) => format!("{hours} h {minutes} min"),
        _ => format!("{days} d {hours} h"),
    }
}

fn length_zh(length: TimeDelta) -> String {
    let (days, hours, minutes) = parts(length);
    match (days, hours) {
        (0, 0) => format!("{minutes} 分钟"),
        (0, _) => format!("{hours} 小时 {minutes} 分钟"),
        _ => format!("{days} 天 {hours} 小时"),
    }
}

fn parts(length: TimeDelta) -> (i64, i64, i64) {
    let minutes = length.num_minutes().max(0);
    (minutes / 1_440, minutes / 60 % 24, minutes % 60)
}

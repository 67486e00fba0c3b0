//! Conversations of the real clients with the simulated platforms: what a platform says, and what we hear.

use std::sync::Arc;

use chrono::{DateTime, TimeDelta, Utc};
use secrecy::SecretString;
use shopsync::clock::Clock;
use shopsync::domain::entity::{Answers, Entity, Kind};
use shopsync::domain::grant::Access;
use shopsync::domain::order::Order;
use shopsync::domain::record::{Lane, Record};
use shopsync::domain::window::Window;
use shopsync::platform::error::Retry;
use shopsync::platform::{
    AppSettings, PageQuery, Platform, PlatformError, Range, RecordSource, Rejection, Row, SignMethod, profile,
};
use shopsync::sandbox::{
    self, Fault, FaultKind, Sandbox, SandboxSettings, TEMU_APP_KEY, TEMU_APP_SECRET, TruthOrder,
    XIAOHONGSHU_APP_ID, XIAOHONGSHU_APP_SECRET,
};

use crate::support::app_settings::app_settings;

/// One platform's client and the sandbox it talks to, both at the same moment.
pub(crate) struct Conversation {
    pub(crate) sandbox: Sandbox,
    pub(crate) clock: Clock,
    pub(crate) platform: Arc<dyn Platform>,
    pub(crate) access: Access,
    pub(crate) refresh: Option<SecretString>,
}

impl Conversation {
    pub(crate) async fn with(name: &'static str, zone: &str, settings: SandboxSettings) -> Self {
        let clock = Clock::manual(start());
        let settings = SandboxSettings { clock: clock.clone(), ..settings };
        let sign_method = if settings.temu_hmac { SignMethod::HmacSha256 } else { SignMethod::Md5 };
        let sandbox = Sandbox::start(settings).await.unwrap();
        let (side, gateway, app_key, app_secret) = match (name, zone) {
            ("temu", "partner") => {
                (sandbox::Platform::Temu, sandbox.temu_partner_gateway(), TEMU_APP_KEY, TEMU_APP_SECRET)
            }
            ("temu", "cn") => {
                (sandbox::Platform::Temu, sandbox.temu_cn_gateway(), TEMU_APP_KEY, TEMU_APP_SECRET)
            }
            ("temu", _) => (sandbox::Platform::Temu, sandbox.temu_gateway(), TEMU_APP_KEY, TEMU_APP_SECRET),
            _ => (
                sandbox::Platform::Xiaohongshu,
                sandbox.xiaohongshu_gateway(),
                XIAOHONGSHU_APP_ID,
                XIAOHONGSHU_APP_SECRET,
            ),
        };
        let app = AppSettings {
            zone: zone.to_owned(),
            app_key: app_key.to_owned(),
            app_secret: app_secret.into(),
            sign_method,
            ..app_settings(&gateway, &clock)
        };
        let platform = (profile(name).unwrap().connect)(app).unwrap();
        let issued = sandbox.world().with(|world| world.issue_token(side, 0));
        Self {
            access: access(&issued.access),
            refresh: issued.refresh.map(SecretString::from),
            sandbox,
            clock,
            platform,
        }
    }

    pub(crate) async fn temu(settings: SandboxSettings) -> Self {
        Self::with("temu", "us", settings).await
    }

    pub(crate) async fn xiaohongshu(settings: SandboxSettings) -> Self {
        Self::with("xiaohongshu", "", settings).await
    }

    pub(crate) fn orders(&self) -> &dyn RecordSource {
        self.platform.source(Record::Orders).unwrap()
    }

    pub(crate) async fn detail(&self, number: &str) -> Result<String, PlatformError> {
        let numbers = [number.to_owned()];
        Ok(self.orders().details(&self.access, &numbers).await?.remove(number).unwrap())
    }

    pub(crate) fn fail(&self, kind: FaultKind) {
        self.sandbox.world().with(|world| world.add_fault(Fault::new(kind).next(1)));
    }

    /// Every order of a window, made from all the answers the platform has for it.
    pub(crate) async fn all_orders(&self, lane: Lane, window: Window) -> Vec<Order> {
        let mut orders = Vec::new();
        for page in 1..=20 {
            let rows = self.page(lane, window, page).await.unwrap().rows;
            let is_last = rows.len() < 50;
            for row in rows {
                let Row::Readable(row) = row else {
                    panic!("an unreadable row");
                };
                orders.push(self.order(&row.number, row.raw).await);
            }
            if is_last {
                orders.sort_by(|a: &Order, b| a.number.cmp(&b.number));
                return orders;
            }
        }
        panic!("more pages than the sandbox has orders");
    }

    pub(crate) async fn order(&self, number: &str, row: String) -> Order {
        let answers = Answers {
            list: Some(row),
            detail: Some(self.detail(number).await.unwrap()),
            ..Answers::default()
        };
        let Entity::Order(mut order) = self.orders().convert(Kind::Order, &answers).unwrap() else {
            panic!("{number} is no order");
        };
        if let Some(amounts) = self.platform.amounts() {
            let raw = amounts.order_amounts(&self.access, number).await.unwrap();
            order.amounts = Some(amounts.convert_amounts(&raw).unwrap());
        }
        order
    }

    pub(crate) async fn page(
        &self,
        lane: Lane,
        window: Window,
        page: u32,
    ) -> Result<shopsync::platform::Page, PlatformError> {
        let range = Range::Window { lane, window, status: None };
        self.orders().page(&self.access, &PageQuery { range, page, page_size: 50 }).await
    }

    /// The outcome of asking for one page of the last minutes.
    pub(crate) async fn outcome(&self) -> Result<shopsync::platform::Page, PlatformError> {
        self.page(Lane::Update, last(TimeDelta::minutes(20)), 1).await
    }
}

pub(crate) fn access(token: &str) -> Access {
    Access { token: SecretString::from(token), generation: 1, region: None }
}

pub(crate) fn start() -> DateTime<Utc> {
    DateTime::from_timestamp(1_764_000_000, 0).unwrap()
}

fn last(length: TimeDelta) -> Window {
    Window::new(start() - length, start()).unwrap()
}

fn some_orders(history: TimeDelta) -> SandboxSettings {
    SandboxSettings { orders: 120, history, ..SandboxSettings::default() }
}

fn assert_same(order: &Order, truth: &TruthOrder) {
    assert_eq!(order.number, truth.number);
    assert_eq!(order.platform_status, truth.platform_status, "{}", order.number);
    assert_eq!(order.after_sales_status, truth.after_sales_status, "{}", order.number);
    assert_eq!(order.created_at, Some(truth.created_at), "{}", order.number);
    assert_eq!(order.updated_at, Some(truth.updated_at), "{}", order.number);
    assert_eq!(order.buyer_note, truth.buyer_note, "{}", order.number);
    assert_eq!(order.seller_note, truth.seller_note, "{}", order.number);
    let money = order.amounts.as_ref().unwrap();
    assert_eq!(
        [
            money.total_minor,
            money.shipping_minor,
            money.seller_discount_minor,
            money.platform_discount_minor,
            money.tax_minor,
            money.income_minor
        ],
        [
            Some(truth.total_minor),
            Some(truth.shipping_minor),
            Some(truth.seller_discount_minor),
            Some(truth.platform_discount_minor),
            truth.tax_minor,
            Some(truth.income_minor)
        ],
        "{}",
        order.number
    );
    assert_eq!(money.currency.unwrap().as_str(), truth.currency, "{}", order.number);
    assert_eq!(order.items.len(), truth.lines.len(), "{}", order.number);
    for (item, line) in order.items.iter().zip(&truth.lines) {
        assert_eq!(item.item_number, line.item_number, "{}", order.number);
        assert_eq!(item.product_id.as_ref(), Some(&line.product_id), "{}", order.number);
        assert_eq!(item.sku_id.as_ref(), Some(&line.sku_id), "{}", order.number);
        assert_eq!(item.sku_code, line.sku_code, "{}", order.number);
        assert_eq!(item.name.as_ref(), Some(&line.name), "{}", order.number);
        assert_eq!(item.quantity, Some(line.quantity), "{}", order.number);
    }
}

async fn assert_all_heard(conversation: &Conversation, side: sandbox::Platform, window: Window) {
    let orders = conversation.all_orders(Lane::Create, window).await;

    let truth = conversation.sandbox.world().with(|world| world.truth(side, 0));
    assert_eq!(orders.len(), truth.len());
    assert!(orders.len() >= 100, "the test needs orders");
    for (order, truth) in orders.iter().zip(&truth) {
        assert_same(order, truth);
    }
    let violations = conversation.sandbox.world().with(|world| world.violations());
    assert!(violations.is_empty(), "{violations:?}");
}

#[tokio::test]
async fn what_temu_shows_is_what_we_hear() {
    let conversation = Conversation::temu(some_orders(TimeDelta::days(5))).await;
    assert_all_heard(&conversation, sandbox::Platform::Temu, last(TimeDelta::days(6))).await;
}

#[tokio::test]
async fn what_xiaohongshu_shows_is_what_we_hear() {
    let conversation = Conversation::xiaohongshu(some_orders(TimeDelta::hours(20))).await;
    let day = last(TimeDelta::hours(24) - TimeDelta::seconds(1));
    assert_all_heard(&conversation, sandbox::Platform::Xiaohongshu, day).await;
}

#[tokio::test]
async fn a_region_without_the_version_requested_is_asked_by_the_next() {
    let conversation = Conversation::with("temu", "eu", some_orders(TimeDelta::minutes(5))).await;
    let truth = conversation.sandbox.world().with(|world| world.truth(sandbox::Platform::Temu, 0));
    let mut refusals = 0;
    let raw = loop {
        match conversation
            .platform
            .amounts()
            .unwrap()
            .order_amounts(&conversation.access, &truth[0].number)
            .await
        {
            Ok(raw) => break raw,
            Err(error) => assert_eq!(error.retry(), Retry::Backoff, "{error:?}"),
        }
        refusals += 1;
        assert!(refusals < 3, "no version of three was taken");
    };
    assert_eq!(refusals, 2, "an American shop in the European zone has the first version only");
    let amounts = conversation.platform.amounts().unwrap().convert_amounts(&raw).unwrap();
    assert_eq!(amounts.total_minor, Some(truth[0].total_minor));
}

#[tokio::test]
async fn temu_takes_the_guides_signature_where_it_is_set() {
    let settings = SandboxSettings { temu_hmac: true, ..SandboxSettings::default() };
    let conversation = Conversation::temu(settings).await;
    assert_eq!(conversation.outcome().await.unwrap().total, 0);
}

#[tokio::test]
async fn a_page_with_an_unreadable_row_keeps_the_others() {
    for conversation in [
        Conversation::temu(some_orders(TimeDelta::minutes(19))).await,
        Conversation::xiaohongshu(some_orders(TimeDelta::minutes(19))).await,
    ] {
        conversation.fail(FaultKind::UnreadableRow);
        let rows = conversation.outcome().await.unwrap().rows;
        let unreadable: Vec<_> = rows
            .iter()
            .filter_map(|row| match row {
                Row::Unreadable(row) => Some(row),
                Row::Readable(_) => None,
            })
            .collect();
        assert_eq!((rows.len(), unreadable.len()), (50, 1));
        assert!(unreadable[0].number.is_some());
    }
}

#[tokio::test]
async fn refusals_mean_the_same_on_both_platforms() {
    type Expected = fn(&PlatformError) -> bool;
    let cases: [(FaultKind, Expected); 7] = [
        (FaultKind::Throttle, |error| matches!(error, PlatformError::Throttled { .. })),
        (FaultKind::TokenExpired, PlatformError::is_about_token),
        (FaultKind::TokenRevoked, PlatformError::is_about_token),
        (FaultKind::NotGranted, |error| matches!(error, PlatformError::NotGranted { .. })),
        (FaultKind::Truncated, |error| matches!(error, PlatformError::NoAnswer { .. })),
        (FaultKind::HtmlPage, |error| matches!(error, PlatformError::NotFromPlatform { .. })),
        (
            FaultKind::Business { code: 123_456, message: "new".to_owned() },
            |error| matches!(error, PlatformError::Rejected { code, why: Rejection::Unknown, .. } if code == "123456"),
        ),
    ];
    for conversation in [
        Conversation::temu(SandboxSettings::default()).await,
        Conversation::xiaohongshu(SandboxSettings::default()).await,
    ] {
        for (kind, is_expected) in &cases {
            conversation.fail(kind.clone());
            let error = conversation.outcome().await.unwrap_err();
            assert!(is_expected(&error), "{kind:?} was heard as {error:?}");
        }
        assert!(conversation.outcome().await.is_ok(), "the faults are spent");
    }
}

#[tokio::test]
async fn an_order_that_does_not_exist_is_not_found() {
    for conversation in [
        Conversation::temu(SandboxSettings::default()).await,
        Conversation::xiaohongshu(SandboxSettings::default()).await,
    ] {
        let error = conversation.detail("none").await.unwrap_err();
        assert!(matches!(error, PlatformError::Rejected { why: Rejection::NotFound, .. }), "{error:?}");
    }
}

#[tokio::test]
async fn a_wrong_clock_is_reported_as_such_and_mended_by_the_answer() {
    for conversation in [
        Conversation::temu(SandboxSettings::default()).await,
        Conversation::xiaohongshu(SandboxSettings::default()).await,
    ] {
        conversation.sandbox.world().with(|world| world.set_skew(TimeDelta::minutes(20)));
        let error = conversation.platform.probe(&conversation.access).await.unwrap_err();
        assert!(matches!(error, PlatformError::Rejected { why: Rejection::Clock, .. }), "{error:?}");
        conversation.platform.probe(&conversation.access).await.unwrap();
    }
}

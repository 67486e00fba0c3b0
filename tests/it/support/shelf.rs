//! A platform that lists a shelf of products, three a page, for tests that decide what happens between two pages.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use chrono::{DateTime, TimeDelta, Utc};
use secrecy::SecretString;
use shopsync::domain::entity::{Answers, Entity, Kind};
use shopsync::domain::grant::{Access, GrantInfo, Granted};
use shopsync::domain::product::{Product, Sku, WarehouseStock};
use shopsync::domain::record::{Lane, Record};
use shopsync::domain::window::Window;
use shopsync::platform::retry::RetryPolicy;
use shopsync::platform::skew::Skew;
use shopsync::platform::{
    Application, ConvertError, ListRow, Page, PageQuery, Paging, Platform, PlatformError, Profile, Range,
    Reach, RecordSource, Row, StockSource, Windows,
};

/// What happens at the platform right after a page was answered, by the number of the call.
type Between = Box<dyn FnMut(&mut BTreeMap<String, DateTime<Utc>>, u32) + Send>;

/// The platform itself: lists by their ids, windows by update time.
pub(crate) struct Shelf {
    skew: Skew,
    pub(crate) paging: Paging,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    /// Products by id, with the time of their last change.
    products: BTreeMap<String, DateTime<Utc>>,
    calls: u32,
    between: Option<Between>,
    /// A window longer than this is not answered. `None`: all are.
    answered_max: Option<TimeDelta>,
    asked: Vec<(Lane, TimeDelta)>,
    /// SKUs whose stock was asked for, one entry a call.
    stock_asked: Vec<String>,
    stock_answer: Option<fn() -> PlatformError>,
}

/// By their ids, whole.
pub(crate) fn lists() -> Paging {
    Paging { counted: Kind::Product, reach: Reach::Lists(&["all"]), page_size: 3, details: None }
}

/// By update time, at first and every so often whole.
pub(crate) fn by_time() -> Paging {
    let windows =
        Windows { update_max: TimeDelta::days(1), create_max: None, rows_max: 1_000, dense_statuses: &[] };
    Paging { reach: Reach::Windows(windows), ..lists() }
}

impl Shelf {
    pub(crate) fn with(paging: Paging, products: usize, updated_at: DateTime<Utc>) -> Arc<Self> {
        let products = (0..products).map(|index| (format!("p{index:02}"), updated_at)).collect();
        let state = Mutex::new(State { products, ..State::default() });
        Arc::new(Self { skew: Skew::default(), paging, state })
    }

    pub(crate) fn change<T>(&self, change: impl FnOnce(&mut BTreeMap<String, DateTime<Utc>>) -> T) -> T {
        change(&mut self.state.lock().unwrap().products)
    }

    pub(crate) fn between(
        &self,
        between: impl FnMut(&mut BTreeMap<String, DateTime<Utc>>, u32) + Send + 'static,
    ) {
        let mut state = self.state.lock().unwrap();
        state.between = Some(Box::new(between));
        state.calls = 0;
    }

    pub(crate) fn answer_at_most(&self, length: TimeDelta) {
        let mut state = self.state.lock().unwrap();
        (state.answered_max, state.asked) = (Some(length), Vec::new());
    }

    /// An app of this platform with its own rate.
    pub(crate) fn application(self: &Arc<Self>, requests_per_second: f64) -> Arc<Application> {
        let policy = RetryPolicy {
            attempts_max: 2,
            backoff_min: Duration::from_millis(1),
            backoff_max: Duration::from_millis(2),
        };
        Arc::new(Application::new("shelf".to_owned(), self.clone(), requests_per_second, policy))
    }

    /// How the stock of SKUs is answered from now on. `None`: as it is.
    pub(crate) fn answer_stock(&self, trouble: Option<fn() -> PlatformError>) {
        let mut state = self.state.lock().unwrap();
        (state.stock_answer, state.stock_asked) = (trouble, Vec::new());
    }

    /// The SKUs whose stock was asked for since [`Shelf::answer_stock`].
    pub(crate) fn stock_asked(&self) -> Vec<String> {
        let mut asked = self.state.lock().unwrap().stock_asked.clone();
        asked.sort_unstable();
        asked
    }

    pub(crate) fn windows_asked(&self, lane: Lane) -> usize {
        self.state.lock().unwrap().asked.iter().filter(|(asked, _)| *asked == lane).count()
    }

    pub(crate) fn calls(&self) -> u32 {
        self.state.lock().unwrap().calls
    }

    pub(crate) fn longest_asked_since_the_scan(&self) -> TimeDelta {
        let asked = &self.state.lock().unwrap().asked;
        let scan = asked.iter().rposition(|(_, length)| *length > TimeDelta::days(100)).unwrap();
        asked[scan + 1..].iter().map(|(_, length)| *length).max().unwrap_or_default()
    }
}

#[async_trait]
impl RecordSource for Shelf {
    fn paging(&self) -> &Paging {
        &self.paging
    }

    async fn page(&self, _access: &Access, query: &PageQuery) -> Result<Page, PlatformError> {
        let mut state = self.state.lock().unwrap();
        state.calls += 1;
        let window = match query.range {
            Range::Window { window, .. } => Some(window),
            Range::List(_) => None,
        };
        if let Range::Window { lane, window, .. } = query.range {
            state.asked.push((lane, window.length()));
        }
        if window.zip(state.answered_max).is_some_and(|(window, max)| window.length() > max) {
            return Err(PlatformError::NoAnswer { what: "timed out".to_owned(), source: None });
        }
        let page = page_of(self.paging.counted, &state.products, window, query);
        let State { products, calls, between, .. } = &mut *state;
        if let Some(between) = between {
            between(products, *calls);
        }
        Ok(page)
    }

    fn convert(&self, kind: Kind, answers: &Answers) -> Result<Entity, ConvertError> {
        let row: serde_json::Value = serde_json::from_str(answers.list.as_deref().unwrap()).unwrap();
        let updated_at = DateTime::from_timestamp_millis(row["updated"].as_i64().unwrap());
        let updated_at = updated_at.filter(|_| self.paging.windows().is_some());
        let id = row["id"].as_str().unwrap().to_owned();
        let content_hash = answers.list.clone().unwrap();
        Ok(match kind {
            Kind::Sku => Entity::Sku(Sku {
                id,
                product_id: None,
                sku_code: None,
                barcode: None,
                name: None,
                price_minor: None,
                list_price_minor: None,
                currency: None,
                stock: None,
                on_sale: None,
                created_at: None,
                updated_at,
                content_hash,
            }),
            _ => Entity::Product(Product {
                id,
                name: None,
                status: None,
                category_id: None,
                image_url: None,
                created_at: None,
                updated_at,
                content_hash,
            }),
        })
    }
}

#[async_trait]
impl StockSource for Shelf {
    async fn sku_stock(&self, _access: &Access, sku_id: &str) -> Result<Vec<WarehouseStock>, PlatformError> {
        let mut state = self.state.lock().unwrap();
        state.stock_asked.push(sku_id.to_owned());
        match state.stock_answer {
            Some(trouble) => Err(trouble()),
            None => Ok(["", "north"].map(stock_in).into()),
        }
    }
}

fn stock_in(warehouse: &str) -> WarehouseStock {
    WarehouseStock { warehouse: warehouse.to_owned(), available: Some(7), occupied: Some(1), total: Some(8) }
}

/// By update time, as the platforms do it: what changes moves to the end.
fn page_of(
    kind: Kind,
    products: &BTreeMap<String, DateTime<Utc>>,
    window: Option<Window>,
    query: &PageQuery,
) -> Page {
    let mut rows: Vec<(&String, &DateTime<Utc>)> = products
        .iter()
        .filter(|(_, at)| {
            window.is_none_or(|window| {
                let (from, until) = window.query_bounds();
                from * 1_000 <= at.timestamp_millis() && at.timestamp_millis() <= until * 1_000
            })
        })
        .collect();
    if window.is_some() {
        rows.sort_by_key(|(id, at)| (**at, (*id).clone()));
    }
    let total = rows.len() as u64;
    let from = (query.page as usize - 1) * query.page_size as usize;
    let rows = rows
        .into_iter()
        .skip(from)
        .take(query.page_size as usize)
        .map(|(id, at)| row(kind, id, *at))
        .collect();
    Page::new(total, rows)
}

fn row(kind: Kind, id: &str, at: DateTime<Utc>) -> Row {
    let raw = serde_json::json!({ "id": id, "updated": at.timestamp_millis() }).to_string();
    Row::Readable(ListRow { kind, number: id.to_owned(), updated_at: Some(at), list_hash: raw.clone(), raw })
}

#[async_trait]
impl Platform for Shelf {
    fn profile(&self) -> &'static Profile {
        shopsync::platform::profile("temu").unwrap()
    }

    fn skew(&self) -> &Skew {
        &self.skew
    }

    fn authorize_link(&self, _state: &str) -> Option<String> {
        None
    }

    fn console_page(&self) -> &'static str {
        ""
    }

    fn is_access_token(&self, _text: &str) -> bool {
        true
    }

    async fn exchange_code(&self, _code: &SecretString) -> Result<Granted, PlatformError> {
        panic!("nobody logs in")
    }

    async fn refresh(&self, _refresh: &SecretString) -> Result<Granted, PlatformError> {
        panic!("nothing is refreshed")
    }

    async fn grant_info(&self, _access: &Access) -> Result<GrantInfo, PlatformError> {
        panic!("nobody asks")
    }

    async fn probe(&self, _access: &Access) -> Result<(), PlatformError> {
        Ok(())
    }

    fn stock(&self) -> Option<&dyn StockSource> {
        Some(self)
    }

    fn source(&self, _record: Record) -> Option<&dyn RecordSource> {
        Some(self)
    }
}

//! What the sandbox knows is what we hear of it, page by page.

use std::collections::BTreeMap;

use chrono::{DateTime, TimeDelta};
use shopsync::domain::after_sale::AfterSale;
use shopsync::domain::entity::{Answers, Entity, Kind};
use shopsync::domain::product::{Product, Sku, WarehouseStock};
use shopsync::domain::record::{Lane, Record};
use shopsync::domain::window::Window;
use shopsync::platform::{ListRow, Page, PageQuery, PlatformError, Range, Rejection, Row};
use shopsync::sandbox::{FaultKind, Platform, SandboxSettings, TruthCase, TruthProduct, TruthSku};

use crate::platform::conversations::{Conversation, start};

const XHS: Platform = Platform::Xiaohongshu;

#[tokio::test]
async fn products_and_skus_are_heard_as_the_truth_has_them() {
    let conversation = selling().await;
    let (mut products, mut skus) = (BTreeMap::new(), BTreeMap::new());
    let everything = Window::new(DateTime::UNIX_EPOCH, start() + TimeDelta::seconds(1)).unwrap();
    let pages = pages(&conversation, Record::Products, Lane::Update, everything).await;
    let mut counted = 0;
    for page in pages {
        assert!(page.counted.as_ref().unwrap().len() <= 40);
        counted += page.counted.unwrap().len();
        assert_eq!(page.total, truth_skus(&conversation).len() as u64);
        for row in page.rows {
            let row = readable(row);
            match entity(&conversation, Record::Products, row).await {
                Entity::Product(product) => drop(products.insert(product.id.clone(), product)),
                Entity::Sku(sku) => drop(skus.insert(sku.id.clone(), sku)),
                other => panic!("{other:?}"),
            }
        }
    }

    let truth = conversation.sandbox.world().with(|world| world.truth_products(XHS, 0));
    assert!(truth.len() > 40 && products.len() == truth.len(), "{} {}", products.len(), truth.len());
    for truth in &truth {
        assert_product(&products[&truth.product_id], truth);
    }
    let truth = truth_skus(&conversation);
    assert_eq!((skus.len(), counted), (truth.len(), truth.len()));
    for truth in &truth {
        assert_sku(&skus[&truth.sku_id], truth);
    }
    assert_well_behaved(&conversation);
}

#[tokio::test]
async fn stock_is_heard_by_warehouse() {
    let conversation = selling().await;
    let mut warehouses_max = 0;
    for double in [false, true] {
        conversation.sandbox.world().with(|world| world.set_double_envelope(double));
        for truth in truth_skus(&conversation) {
            let stock = conversation.platform.stock().unwrap();
            let told = stock.sku_stock(&conversation.access, &truth.sku_id).await.unwrap();
            let places = || truth.warehouses.iter();
            let row = |warehouse: &str, available, occupied, total| WarehouseStock {
                warehouse: warehouse.to_owned(),
                available: Some(available),
                occupied: Some(occupied),
                total: Some(total),
            };
            let mut expected = vec![row(
                "",
                places().map(|place| place.available).sum(),
                places().map(|place| place.occupied).sum(),
                truth.stock,
            )];
            expected.extend(
                places().map(|place| row(&place.warehouse, place.available, place.occupied, place.total)),
            );
            assert_eq!(told, expected);
            warehouses_max = warehouses_max.max(truth.warehouses.len());
        }
    }
    assert!(warehouses_max > 1, "the test needs a SKU in several places");
    assert_well_behaved(&conversation);
}

#[tokio::test]
async fn cases_are_heard_as_the_truth_has_them_in_one_envelope_or_two() {
    let settings = SandboxSettings {
        orders: 200,
        after_sales: 120,
        history: TimeDelta::hours(20),
        ..SandboxSettings::default()
    };
    let conversation = Conversation::xiaohongshu(settings).await;
    let day = Window::new(start() - TimeDelta::hours(24) + TimeDelta::seconds(1), start()).unwrap();
    for double in [false, true] {
        conversation.sandbox.world().with(|world| world.set_double_envelope(double));
        let mut cases = Vec::new();
        for page in pages(&conversation, Record::AfterSales, Lane::Create, day).await {
            assert_eq!(page.total, 120);
            for row in page.rows {
                let Entity::AfterSale(case) = entity(&conversation, Record::AfterSales, readable(row)).await
                else {
                    panic!("no case");
                };
                cases.push(case);
            }
        }
        cases.sort_by(|a, b| a.number.cmp(&b.number));
        let truth = conversation.sandbox.world().with(|world| world.truth_cases(XHS, 0));
        assert_eq!((cases.len(), truth.len()), (120, 120));
        for (case, truth) in cases.iter().zip(&truth) {
            assert_case(case, truth);
        }
    }
    assert_well_behaved(&conversation);
}

#[tokio::test]
async fn what_does_not_exist_is_not_found_and_what_is_not_granted_is_reported() {
    let conversation = selling().await;
    let platform = &conversation.platform;
    let stock = async |sku: &str| platform.stock().unwrap().sku_stock(&conversation.access, sku).await;
    let cases = platform.source(Record::AfterSales).unwrap();
    let numbers = ["none".to_owned()];
    for error in
        [stock("none").await.unwrap_err(), cases.details(&conversation.access, &numbers).await.unwrap_err()]
    {
        assert!(matches!(error, PlatformError::Rejected { why: Rejection::NotFound, .. }), "{error:?}");
    }

    for api in [
        "product.getDetailSkuList",
        "inventory.getSkuStockV2",
        "afterSale.listAfterSaleInfos",
        "afterSale.getAfterSaleInfo",
    ] {
        conversation.sandbox.world().with(|world| world.set_granted(XHS, 0, api, false));
    }
    for error in [
        page(&conversation, Record::Products, Lane::Update, hour(), 1).await.unwrap_err(),
        page(&conversation, Record::AfterSales, Lane::Create, hour(), 1).await.unwrap_err(),
        cases.details(&conversation.access, &numbers).await.unwrap_err(),
        stock("none").await.unwrap_err(),
    ] {
        assert!(matches!(error, PlatformError::NotGranted { .. }), "{error:?}");
    }
    assert!(platform.probe(&conversation.access).await.is_ok(), "orders are granted still");
}

#[tokio::test]
async fn a_sku_that_cannot_be_read_leaves_its_product_and_the_others() {
    let conversation = selling().await;
    let everything = Window::new(DateTime::UNIX_EPOCH, start() + TimeDelta::seconds(1)).unwrap();
    conversation.fail(FaultKind::UnreadableRow);

    let page = page(&conversation, Record::Products, Lane::Update, everything, 1).await.unwrap();

    let is_odd = |row: &&Row| matches!(row, Row::Unreadable(_));
    assert_eq!(page.rows.iter().filter(is_odd).count(), 1);
    assert_eq!(page.counted.unwrap().len(), 40);
    let skus = page.rows.iter().filter(|row| matches!(row, Row::Readable(row) if row.kind == Kind::Sku));
    assert_eq!(skus.count(), 39);
    assert!(matches!(&page.rows[0], Row::Readable(row) if row.kind == Kind::Product));
}

async fn selling() -> Conversation {
    let settings = SandboxSettings { products: 60, ..SandboxSettings::default() };
    Conversation::xiaohongshu(settings).await
}

fn hour() -> Window {
    Window::new(start() - TimeDelta::minutes(29), start()).unwrap()
}

async fn page(
    conversation: &Conversation,
    record: Record,
    lane: Lane,
    window: Window,
    page: u32,
) -> Result<Page, PlatformError> {
    let range = Range::Window { lane, window, status: None };
    let source = conversation.platform.source(record).unwrap();
    source.page(&conversation.access, &PageQuery { range, page, page_size: 40 }).await
}

/// Every page of a window.
async fn pages(conversation: &Conversation, record: Record, lane: Lane, window: Window) -> Vec<Page> {
    let first = page(conversation, record, lane, window, 1).await.unwrap();
    let last = u32::try_from(first.total.div_ceil(40)).unwrap();
    assert!(last > 1, "the test needs pages");
    let mut pages = vec![first];
    for number in 2..=last {
        pages.push(page(conversation, record, lane, window, number).await.unwrap());
    }
    pages
}

fn readable(row: Row) -> ListRow {
    match row {
        Row::Readable(row) => row,
        Row::Unreadable(row) => panic!("{}", row.reason),
    }
}

/// What a row is about, made of everything the platform tells of it.
async fn entity(conversation: &Conversation, record: Record, row: ListRow) -> Entity {
    let source = conversation.platform.source(record).unwrap();
    let mut answers = Answers { list: Some(row.raw), ..Answers::default() };
    if let Some(details) = source.paging().details {
        let mut told = source.details(&conversation.access, std::slice::from_ref(&row.number)).await.unwrap();
        details.part.put(&mut answers, told.remove(&row.number).unwrap());
    }
    let entity = source.convert(row.kind, &answers).unwrap();
    assert_eq!((entity.number(), entity.updated_at()), (row.number.as_str(), row.updated_at));
    entity
}

fn truth_skus(conversation: &Conversation) -> Vec<TruthSku> {
    conversation.sandbox.world().with(|world| world.truth_skus(XHS, 0))
}

fn assert_well_behaved(conversation: &Conversation) {
    let violations = conversation.sandbox.world().with(|world| world.violations());
    assert!(violations.is_empty(), "{violations:?}");
}

fn assert_product(product: &Product, truth: &TruthProduct) {
    assert_eq!(product.name.as_ref(), Some(&truth.name));
    assert_eq!(product.status, truth.platform_status);
    assert_eq!(product.created_at, Some(truth.created_at));
    assert_eq!(product.updated_at, Some(truth.updated_at));
}

fn assert_sku(sku: &Sku, truth: &TruthSku) {
    assert_eq!(sku.product_id.as_ref(), Some(&truth.product_id));
    assert_eq!((&sku.sku_code, &sku.barcode), (&truth.sku_code, &truth.barcode));
    assert_eq!(sku.name.as_ref(), Some(&truth.name));
    let money = (sku.price_minor, sku.list_price_minor, sku.currency.unwrap().to_string());
    assert_eq!(money, (Some(truth.price_minor), truth.list_price_minor, truth.currency.clone()));
    assert_eq!((sku.stock, sku.on_sale), (Some(truth.stock), Some(truth.is_on_sale)));
    assert_eq!((sku.created_at, sku.updated_at), (Some(truth.created_at), Some(truth.updated_at)));
}

fn assert_case(case: &AfterSale, truth: &TruthCase) {
    assert_eq!(case.number, truth.number);
    assert_eq!(case.order_number.as_ref(), Some(&truth.order_number));
    assert_eq!((&case.platform_status, &case.reason), (&truth.platform_status, &truth.reason));
    assert_eq!(case.refund_minor, truth.refund_minor, "{}", case.number);
    assert_eq!(case.currency.unwrap().as_str(), truth.currency);
    assert_eq!((case.created_at, case.updated_at), (Some(truth.created_at), Some(truth.updated_at)));
    assert_eq!(case.items.len(), truth.items.len());
    for (item, truth) in case.items.iter().zip(&truth.items) {
        assert_eq!(item.sku_id.as_ref(), Some(&truth.sku_id));
        assert_eq!((&item.sku_code, item.quantity), (&truth.sku_code, Some(truth.quantity)));
        assert_eq!(item.refund_minor, truth.refund_minor);
    }
}

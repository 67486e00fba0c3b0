//! Temu's products, cases and activities against the simulated platform: read page by page, they are what it has.

use std::collections::{BTreeMap, BTreeSet};

use chrono::TimeDelta;
use shopsync::domain::activity::Activity;
use shopsync::domain::after_sale::AfterSale;
use shopsync::domain::entity::{Answers, Entity, Kind};
use shopsync::domain::product::{Product, Sku};
use shopsync::domain::record::{Lane, Record};
use shopsync::domain::window::Window;
use shopsync::platform::{PageQuery, Range, Reach, Row};
use shopsync::sandbox::{Platform, SandboxSettings, Spoiled};

use crate::platform::conversations::{Conversation, access, start};

/// Small, so that there are many.
const PAGE_SIZE: u32 = 15;

fn some() -> SandboxSettings {
    SandboxSettings {
        orders: 80,
        products: 70,
        after_sales: 90,
        activities: 60,
        ..SandboxSettings::default()
    }
}

/// What one list, read from its last page to its first, holds.
async fn read(conversation: &Conversation, record: Record, range: Range) -> Vec<Entity> {
    let source = conversation.platform.source(record).unwrap();
    let details = source.paging().details;
    let ask = async |page| {
        let query = PageQuery { range, page, page_size: PAGE_SIZE };
        source.page(&conversation.access, &query).await.unwrap()
    };
    let total = ask(1).await.total;
    let (mut entities, mut counted) = (Vec::new(), BTreeSet::new());
    for page in (1..=u32::try_from(total).unwrap().div_ceil(PAGE_SIZE)).rev() {
        let page = ask(page).await;
        assert_eq!(page.total, total);
        counted.extend(page.counted.iter().flatten().cloned());
        for row in page.rows {
            let Row::Readable(row) = row else { panic!("an unreadable row") };
            if page.counted.is_none() {
                counted.insert(row.number.clone());
            }
            let mut answers = Answers { list: Some(row.raw), ..Answers::default() };
            if let Some(details) = details {
                let numbers = [row.number.clone()];
                let mut told = source.details(&conversation.access, &numbers).await.unwrap();
                if let Some(text) = told.remove(&row.number) {
                    details.part.put(&mut answers, text);
                }
            }
            let entity = source.convert(row.kind, &answers).unwrap();
            assert_eq!(
                (entity.kind(), entity.number(), entity.updated_at()),
                (row.kind, &*row.number, row.updated_at)
            );
            entities.push(entity);
        }
    }
    assert_eq!(counted.len() as u64, total, "the total counts what was seen");
    entities
}

async fn read_lists(conversation: &Conversation, record: Record) -> Vec<Entity> {
    let Reach::Lists(lists) = conversation.platform.source(record).unwrap().paging().reach else {
        panic!("{record} are read whole");
    };
    let mut entities = Vec::new();
    for list in lists {
        entities.extend(read(conversation, record, Range::List(list)).await);
    }
    entities
}

fn products_and_skus(entities: Vec<Entity>) -> (BTreeMap<String, Product>, BTreeMap<String, Sku>) {
    let (mut products, mut skus) = (BTreeMap::new(), BTreeMap::new());
    for entity in entities {
        match entity {
            Entity::Product(product) => drop(products.insert(product.id.clone(), product)),
            Entity::Sku(sku) => assert_eq!(skus.insert(sku.id.clone(), sku), None, "each SKU is told once"),
            other => panic!("{} among products", other.kind()),
        }
    }
    (products, skus)
}

fn assert_no_violation(conversation: &Conversation) {
    let violations = conversation.sandbox.world().with(|world| world.violations());
    assert!(violations.is_empty(), "{violations:?}");
}

#[tokio::test]
async fn local_products_are_what_the_shop_has_in_every_currency() {
    for (shop, currency) in [(0, "USD"), (1, "JPY")] {
        let mut conversation = Conversation::temu(some()).await;
        conversation.access = access(
            &conversation.sandbox.world().with(|world| world.issue_token(Platform::Temu, shop)).access,
        );

        let (products, skus) = products_and_skus(read_lists(&conversation, Record::Products).await);

        let truth = conversation.sandbox.world().with(|world| world.truth_products(Platform::Temu, shop));
        assert_eq!(products.len(), truth.iter().filter(|product| !product.is_gone).count());
        for told in truth.iter().filter(|product| !product.is_gone) {
            let product = &products[&told.product_id];
            assert_eq!(product.name.as_deref(), Some(&*told.name));
            assert_eq!((&product.status, product.updated_at), (&told.platform_status, None));
            assert_eq!(product.created_at.unwrap().timestamp(), told.created_at.timestamp());
        }
        let truth = conversation.sandbox.world().with(|world| world.truth_skus(Platform::Temu, shop));
        assert!(skus.len() > 100);
        for told in truth.iter().filter(|told| !told.is_gone) {
            // Those of a deleted product are in neither list.
            let Some(sku) = skus.get(&told.sku_id) else {
                assert!(!told.is_on_sale);
                continue;
            };
            assert_eq!((&sku.product_id, &sku.sku_code), (&Some(told.product_id.clone()), &told.sku_code));
            assert_eq!((sku.name.as_deref(), sku.stock), (Some(&*told.name), Some(told.stock)));
            assert_eq!((sku.price_minor, sku.on_sale), (Some(told.price_minor), Some(told.is_on_sale)));
            assert_eq!(sku.currency.unwrap().as_str(), currency);
        }
        assert_no_violation(&conversation);
    }
}

#[tokio::test]
async fn partner_products_are_one_product_however_many_rows_show_them() {
    for zone in ["partner", "cn"] {
        let conversation = Conversation::with("temu", zone, some()).await;

        let entities = read_lists(&conversation, Record::Products).await;

        let mut hashes: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
        for entity in entities.iter().filter(|entity| entity.kind() == Kind::Product) {
            hashes.entry(entity.number().to_owned()).or_default().insert(entity.content_hash().to_owned());
        }
        assert!(hashes.values().all(|hashes| hashes.len() == 1), "the hash depends on the row");
        let rows = entities.iter().filter(|entity| entity.kind() == Kind::Product).count();
        let (products, skus) = products_and_skus(entities);
        assert!(products.len() < rows, "the test needs products in several rows");

        let truth = conversation.sandbox.world().with(|world| world.truth_skus(Platform::Temu, 0));
        let mut compared = 0;
        for told in truth.iter().filter(|told| !told.is_gone) {
            let Some(sku) = skus.get(&told.partner_id) else {
                assert!(!told.is_on_sale, "only deleted products are missing");
                continue;
            };
            assert_eq!((&sku.sku_code, sku.stock), (&told.sku_code, Some(told.stock)));
            assert_eq!(sku.name.as_deref(), Some(&*told.name));
            assert!(sku.on_sale == Some(true) || !told.is_on_sale);
            assert!(products.contains_key(sku.product_id.as_ref().unwrap()));
            compared += 1;
        }
        assert_eq!(compared, skus.len());
        assert_no_violation(&conversation);
    }
}

#[tokio::test]
async fn cases_are_what_the_shop_has_with_every_item() {
    let conversation = Conversation::temu(some()).await;
    let window = Window::new(start() - TimeDelta::days(60), start() + TimeDelta::seconds(1)).unwrap();
    let range = Range::Window { lane: Lane::Update, window, status: None };

    let cases: BTreeMap<String, AfterSale> = read(&conversation, Record::AfterSales, range)
        .await
        .into_iter()
        .map(|entity| match entity {
            Entity::AfterSale(case) => (case.number.clone(), case),
            other => panic!("{} among cases", other.kind()),
        })
        .collect();

    let truth = conversation.sandbox.world().with(|world| world.truth_cases(Platform::Temu, 0));
    assert_eq!(cases.len(), truth.len());
    assert!(truth.iter().any(|told| told.items.len() > 1), "the test needs a case of several items");
    for told in &truth {
        let case = &cases[&told.number];
        assert_eq!(case.order_number.as_ref(), Some(&told.order_number));
        assert_eq!(case.platform_status, told.platform_status);
        assert_eq!(case.created_at.unwrap().timestamp(), told.created_at.timestamp());
        assert_eq!(case.updated_at, Some(told.updated_at));
        assert_eq!((case.refund_minor, case.reason.as_ref()), (None, None));
        let by_number = |numbers: Vec<Option<String>>| numbers.into_iter().collect::<BTreeSet<_>>();
        assert_eq!(
            by_number(case.items.iter().map(|item| item.item_number.clone()).collect()),
            by_number(told.items.iter().map(|item| item.item_number.clone()).collect()),
        );
        for item in &case.items {
            let told = told.items.iter().find(|told| told.item_number == item.item_number).unwrap();
            assert_eq!((&item.product_id, item.sku_id.as_ref()), (&told.product_id, Some(&told.sku_id)));
            assert_eq!((&item.sku_code, item.quantity), (&told.sku_code, Some(told.quantity)));
        }
    }
    assert_no_violation(&conversation);
}

#[tokio::test]
async fn activities_are_what_the_shop_was_offered_and_has_put_in() {
    let conversation = Conversation::temu(some()).await;

    let activities: BTreeMap<String, Activity> = read_lists(&conversation, Record::Activities)
        .await
        .into_iter()
        .map(|entity| match entity {
            Entity::Activity(activity) => (activity.id.clone(), activity),
            other => panic!("{} among activities", other.kind()),
        })
        .collect();

    let mut truth = conversation.sandbox.world().with(|world| world.truth_activities(0));
    truth.retain(|told| !told.is_gone);
    assert_eq!(activities.len(), truth.len());
    let mut with_goods = 0;
    for told in &truth {
        let activity = &activities[&told.activity_id];
        assert_eq!((activity.name.as_deref(), activity.joined), (Some(&*told.name), Some(told.joined)));
        assert_eq!(activity.starts_at.unwrap().timestamp(), told.starts_at.timestamp());
        assert_eq!(activity.ends_at.unwrap().timestamp(), told.ends_at.timestamp());
        assert!(["not_started", "ongoing", "ended"].contains(&&*activity.status));
        assert!(activity.kind.contains('_') || activity.kind == "clearance", "{}", activity.kind);
        if activity.status == "ended" {
            assert_eq!(activity.skus, None, "what is over tells no more");
            continue;
        }
        let skus = activity.skus.as_ref().expect("the goods of what is not over are told");
        assert_eq!(skus.len(), told.skus.len());
        for sku in skus {
            let told = told.skus.iter().find(|told| told.sku_id == sku.sku_id).unwrap();
            assert_eq!(
                (sku.product_id.as_ref(), sku.price_minor),
                (Some(&told.product_id), Some(told.price_minor))
            );
            assert_eq!((sku.quantity, sku.remaining), (Some(told.quantity), Some(told.remaining)));
        }
        with_goods += usize::from(!skus.is_empty());
    }
    assert!(with_goods > 5, "the test needs activities with goods");
    assert_no_violation(&conversation);
}

#[tokio::test]
async fn a_row_no_one_can_read_keeps_its_number_and_the_others() {
    let conversation = Conversation::temu(some()).await;
    let id = conversation.sandbox.world().with(|world| {
        let id = world.create_product(Platform::Temu, 0);
        world.change_product(Platform::Temu, 0, &id, |product| product.shape.spoiled = Some(Spoiled::Status));
        id
    });
    let source = conversation.platform.source(Record::Products).unwrap();
    let Reach::Lists(lists) = source.paging().reach else { panic!("products are read whole") };
    let mut odd = Vec::new();
    for list in lists {
        let query = PageQuery { range: Range::List(list), page: 1, page_size: 100 };
        let page = source.page(&conversation.access, &query).await.unwrap();
        odd.extend(page.rows.into_iter().filter_map(|row| match row {
            Row::Unreadable(row) => row.number,
            Row::Readable(_) => None,
        }));
    }
    assert!(odd.contains(&id), "{odd:?}");
}

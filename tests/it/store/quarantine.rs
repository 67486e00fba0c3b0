//! Quarantine in the commit of a page: kept, counted, and freed by nothing but what stores it.

use chrono::TimeDelta;
use shopsync::domain::record::Lane;
use shopsync::store::records::pages::PageCommit;
use shopsync::store::records::quarantine::Quarantined;
use shopsync::store::records::things::Stored;

use crate::store::orders::{order, page};
use crate::support::databases::{TestDatabase, both_databases};

both_databases! {
    async fn a_quarantined_record_is_kept_counted_and_freed_by_what_stores_it(test: TestDatabase) {
        let lease = test.lease(Lane::Update).await;
        let unreadable = |reason: &str| PageCommit {
            quarantined: vec![
                Quarantined { number: Some("A".to_owned()), reason: reason.to_owned(), raw: "{1".to_owned(), has_own_call: false },
                Quarantined { number: None, reason: reason.to_owned(), raw: "{2".to_owned(), has_own_call: false },
            ],
            ..page(test.clock.now(), Vec::new())
        };
        test.store.pages().commit(&lease, &unreadable("first")).await.unwrap();
        test.store.pages().commit(&lease, &unreadable("second")).await.unwrap();

        let kept = test.store.quarantine().list(Some("acme")).await.unwrap();
        let told: Vec<(i64, &str)> = kept.iter().map(|row| (row.attempts, row.reason.as_str())).collect();
        assert_eq!(told, [(2, "second"), (2, "second")]);
        assert!(kept.iter().any(|row| row.number.starts_with('#') && row.number.len() == 65));

        test.save(&lease, vec![order("A")]).await;
        let left = test.store.quarantine().list(None).await.unwrap();
        assert_eq!(left.len(), 1);
        assert_eq!(left[0].raw, "{2");
    }

    async fn an_older_version_does_not_free_a_newer_one_from_quarantine(test: TestDatabase) {
        let lease = test.lease(Lane::Update).await;
        let older = order("A");
        test.clock.advance(TimeDelta::seconds(5));
        let unreadable = || Quarantined { number: Some("A".to_owned()), reason: "shape".to_owned(), raw: "{".to_owned(), has_own_call: false };
        let page_of = |orders| PageCommit { quarantined: vec![unreadable()], ..page(test.clock.now(), orders) };
        test.store.pages().commit(&lease, &page_of(Vec::new())).await.unwrap();

        // Read before, by a lane that collects more rows before it writes.
        test.save(&lease, vec![older]).await;
        assert_eq!(test.store.quarantine().list(None).await.unwrap().len(), 1);
        // Readable on one page and no longer on the next.
        test.store.pages().commit(&lease, &page_of(vec![order("A")])).await.unwrap();
        assert_eq!(test.store.quarantine().list(None).await.unwrap().len(), 1);

        test.save(&lease, vec![Stored { read_at: test.clock.now(), ..order("A") }]).await;
        assert!(test.store.quarantine().list(None).await.unwrap().is_empty());
    }
}

//! A thousand shops whose tokens fall due at once, several processes on one database, and a platform that fails every
//! tenth call and loses every hundredth answer.

use chrono::TimeDelta;
use futures_util::{StreamExt, stream};
use secrecy::SecretString;
use shopsync::auth::AuthError;
use shopsync::auth::policy::OwnerReason;
use shopsync::auth::status::Standing;
use shopsync::domain::shop::Shop;

use super::keeping_process::{KeepingProcess, shops, tokens};
use super::load_platform::{LoadPlatform, Sent};
use crate::auth::context::{ExitCode as _, clear};
use crate::support::databases::{TestDatabase, both_databases};

const SHOPS: usize = 1_000;
const LOGINS_AT_ONCE: usize = 8;
/// Looks of all processes, two minutes apart, from 24 minutes before the end of the tokens to 12 minutes after it.
const LOOKS: i32 = 18;

async fn authorise(database: &TestDatabase, platform: &LoadPlatform, shops: &[Shop]) {
    database.store.shops().register(shops).await.unwrap();
    let tokens = tokens(database.store.clone(), &database.clock, &platform.address);
    stream::iter(shops)
        .for_each_concurrent(LOGINS_AT_ONCE, async |shop| {
            let code = SecretString::from(format!("code-{}", shop.name));
            tokens.login_code(shop, code).await.unwrap();
        })
        .await;
}

/// What may become of one refresh token: asked for more patience it waits, and of what was in doubt it is sent once more.
fn assert_sent_well(shop: &str, sent: &[Sent]) {
    let mut told = sent.iter().filter(|sent| **sent != Sent::Throttled);
    let first = told.next();
    assert!(first.is_some(), "{shop} was forgotten: {sent:?}");
    if let Some(again) = told.next() {
        assert!(matches!(first, Some(Sent::NotDone | Sent::Lost)), "{shop}: {sent:?} and {again:?}");
    }
    assert_eq!(told.next(), None, "{shop}: {sent:?}");
    let spends = sent.iter().filter(|sent| matches!(sent, Sent::Renewed | Sent::Lost)).count();
    assert!(spends <= 1, "{shop}: {sent:?}");
}

/// Whether no answer for this refresh token can come any more.
fn is_lost(sent: &[Sent]) -> bool {
    sent.contains(&Sent::Lost) || sent.iter().filter(|sent| **sent == Sent::NotDone).count() == 2
}

both_databases! {
    async fn a_thousand_shops_due_at_once_are_renewed_or_reported_lost_whoever_does_it(test: TestDatabase) {
        let platform = LoadPlatform::start(test.clock.clone()).await;
        let shops = shops(SHOPS);
        authorise(&test, &platform, &shops).await;
        let processes_count = if test.store.is_postgres() { 4 } else { 2 };
        let mut processes = Vec::new();
        for _ in 0..processes_count {
            processes.push(KeepingProcess::start(&test, &platform.address, SHOPS).await);
        }

        test.clock.advance(TimeDelta::days(7) - TimeDelta::minutes(24));
        for _ in 0..LOOKS {
            for process in &processes {
                process.look(test.clock.now());
            }
            for process in &processes {
                process.has_looked().await;
            }
            test.clock.advance(TimeDelta::minutes(2));
        }

        let tokens = tokens(test.store.clone(), &test.clock, &platform.address);
        let statuses = tokens.statuses(&shops).await.unwrap();
        let mut lost = 0;
        for shop in &shops {
            let sent = platform.first_token(&shop.name);
            assert_sent_well(&shop.name, &sent);
            let standing = statuses[&shop.name].as_ref().unwrap().standing;
            if is_lost(&sent) {
                lost += 1;
                assert_eq!(standing, Standing::NeedsOwner(OwnerReason::AnswerLost), "{}: {sent:?}", shop.name);
                let error = tokens.access(shop).await.err().unwrap();
                assert!(matches!(error, AuthError::NeedsOwner { .. }), "{error}");
                assert_eq!(error.exit_code(), 77);
            } else {
                assert_eq!(standing, Standing::Good, "{}: {sent:?}", shop.name);
                assert_eq!(clear(&tokens.access(shop).await.unwrap()), platform.access(&shop.name));
            }
        }
        assert_eq!(platform.tokens_sent(), SHOPS, "and no second generation");
        assert!((SHOPS / 100..SHOPS / 20).contains(&lost), "{lost} lost");
    }
}

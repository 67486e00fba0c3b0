//! No grant ends without a word, and a new login in time costs nobody a call.
//!
//! The thresholds, the death, the recovery and the reminders are tested in `keeper`, copies in `auth_copied`, another
//! account's tokens in `auth_login` and `open115`.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use chrono::TimeDelta;
use secrecy::SecretString;

use crate::auth::keeper_context::{Keeping, look};
use crate::auth::open115::{Drive, REFRESH};
use crate::support::databases::{TestDatabase, both_databases};
use crate::support::events;

const CALLERS: usize = 4;
const LOGINS: usize = 3;

both_databases! {
    async fn a_new_login_before_the_end_fails_no_call(test: TestDatabase) {
        let test = Drive::logged_in(test).await;
        let is_over = Arc::new(AtomicBool::new(false));
        let callers: Vec<_> = (0..CALLERS).map(|_| {
            let (tokens, shop, is_over) = (test.tokens.clone(), test.shop.clone(), Arc::clone(&is_over));
            tokio::spawn(async move {
                let mut calls = 0;
                while !is_over.load(Ordering::SeqCst) {
                    tokens.inspect(&shop).await.unwrap();
                    calls += 1;
                }
                calls
            })
        }).collect();

        for _ in 0..LOGINS {
            test.log_in(0).await.unwrap();
        }
        is_over.store(true, Ordering::SeqCst);

        for caller in callers {
            assert!(caller.await.unwrap() > 0);
        }
        assert_eq!(test.calls(REFRESH), 0, "no token was ever refused");
        test.assert_no_violations();
    }

    async fn the_fixed_end_of_a_refresh_token_is_warned_of_however_often_it_is_renewed(test: TestDatabase) {
        let month = TimeDelta::days(30);
        let test = Keeping::before_login(test, "115", month, 1, &[]).await;
        test.tokens.login_code(test.shop(), SecretString::from(format!("code-{}", test.name()))).await.unwrap();
        let end = test.grant(test.shop()).await.tokens.refresh_ends_at.unwrap();
        let keeper = test.keeper();
        while test.database.clock.now() < end {
            look(&keeper).await;
            test.pass(TimeDelta::hours(12));
        }

        let row = test.grant(test.shop()).await;
        assert!(row.version > 2, "it was renewed twice: {}", row.version);
        assert_eq!(row.tokens.refresh_ends_at, Some(end), "and its end was carried over");
        let warnings = events::told("token.expiring", test.name());
        let days: Vec<bool> = [30, 14, 7, 3, 1]
            .iter()
            .zip(&warnings)
            .map(|(days, told)| told.text.contains(&format!("token=refresh days={days} ")))
            .collect();
        assert_eq!((warnings.len(), days), (5, vec![true; 5]), "{warnings:?}");
    }
}

//! 115 over HTTP, with whatever may stand in front of it or come beside its answers: no grant is lost.

use chrono::TimeDelta;
use shopsync::auth::AuthError;
use shopsync::domain::credential::Condition;
use shopsync::sandbox::{Fault, World};

use crate::auth::open115::{Drive, EXCHANGE, REFRESH};
use crate::support::databases::{TestDatabase, both_databases};

/// Who the account is.
const USER: &str = "/open/user/info";

/// Nothing of these comes from the platform's application.
const IN_FRONT: [&str; 5] =
    ["front-502-html", "front-503-text", "gateway-404-json", "waf-403-html", "waf-405-html"];
/// The platform's own answers, in clothes of another kind.
const ODD_BODIES: [&str; 8] =
    ["gzip", "gzip-unnamed", "gbk", "charset-wrong", "bom", "trailing-text", "leading-text", "odd-neighbour"];

impl Drive {
    fn add(&self, words: &str, api: &str) {
        let fault: Fault = words.parse().unwrap_or_else(|error| panic!("{words}: {error:?}"));
        self.world().with(|world| world.add_fault(fault.at(api)));
    }

    fn heal(&self) {
        self.world().with(World::clear_faults);
    }
}

both_databases! {
    async fn a_minute_of_pages_at_a_refresh_costs_no_grant(database: TestDatabase) {
        let test = Drive::logged_in(database).await;
        for words in IN_FRONT {
            test.after_end().await;
            let version = test.row().await.version;
            test.add(words, REFRESH);
            for _ in 0..4 {
                let error = test.access().await.err().unwrap();
                assert!(matches!(error, AuthError::Later { .. }), "{words}: {error}");
                assert_eq!(test.row().await.condition, Condition::Active, "{words}");
                test.database.clock.advance(TimeDelta::seconds(61));
            }
            test.heal();
            test.database.clock.advance(TimeDelta::minutes(10));
            test.access().await.unwrap_or_else(|error| panic!("{words}: {error}"));
            assert_eq!(test.row().await.version, version + 1, "{words}");
        }
        test.assert_no_violations();
    }

    async fn an_answer_in_an_odd_body_at_a_refresh_costs_no_grant(database: TestDatabase) {
        let test = Drive::logged_in(database).await;
        for words in ODD_BODIES {
            test.after_end().await;
            let version = test.row().await.version;
            test.add(words, REFRESH);
            test.access().await.unwrap_or_else(|error| panic!("{words}: {error}"));
            assert_eq!((test.row().await.version, test.row().await.condition), (version + 1, Condition::Active), "{words}");
            test.heal();
        }
        test.assert_no_violations();
    }

    async fn an_answer_in_an_odd_body_at_a_login_is_taken(database: TestDatabase) {
        let test = Drive::logged_in(database).await;
        for words in ODD_BODIES {
            // Only answers with tokens are read past a text in front of their JSON, and past odd neighbours. An account
            // that cannot be read is asked for again.
            let is_of_tokens = matches!(words, "leading-text" | "odd-neighbour");
            for api in if is_of_tokens { &[EXCHANGE][..] } else { &[EXCHANGE, USER] } {
                test.add(words, api);
                test.log_in(0).await.unwrap_or_else(|error| panic!("{words} at {api}: {error}"));
                test.heal();
                test.access().await.unwrap();
            }
        }
    }

    async fn pages_at_a_login_leave_the_grant_that_is_there(database: TestDatabase) {
        let test = Drive::logged_in(database).await;
        for words in IN_FRONT {
            let before = test.row().await;
            test.add(words, EXCHANGE);
            let error = test.log_in(0).await.unwrap_err();
            assert!(matches!(error, AuthError::Platform { .. }), "{words}: {error}");
            assert_eq!(test.row().await, before, "{words}");
            test.heal();
            test.log_in(0).await.unwrap();
        }
    }

    async fn a_login_whose_account_cannot_be_requested_waits_in_its_file_until_it_can(database: TestDatabase) {
        let state = tempfile::tempdir().unwrap();
        let test = Drive::logged_in(database).await.with_state(state.path());
        let files = || crate::auth::properties::durable::files(state.path()).len();
        for words in IN_FRONT {
            let version = test.row().await.version;
            test.database.clock.advance(TimeDelta::minutes(1));
            test.add(words, USER);
            let error = test.log_in(0).await.unwrap_err();
            assert!(matches!(error, AuthError::NotStoredYet { .. }), "{words}: {error}");
            assert_eq!((files(), test.row().await.version), (1, version), "{words}");
            test.heal();
            crate::auth::survival::eventually(async || files() == 0).await;
            assert_eq!(test.row().await.version, version + 1, "{words}");
            test.access().await.unwrap();
        }
    }

    async fn a_token_that_a_clock_hours_ahead_wrote_down_is_renewed_at_once(database: TestDatabase) {
        let test = Drive::logged_in(database).await;
        let ahead = TimeDelta::hours(8);
        test.database.clock.advance(ahead);
        test.log_in(0).await.unwrap();
        test.database.clock.advance(-ahead);

        test.access().await.unwrap();
        test.until_version(3).await;
        let row = test.row().await;
        assert_eq!((test.calls(REFRESH), row.version), (1, 3));
        assert!(row.tokens.obtained_at <= test.database.clock.now());
    }
}

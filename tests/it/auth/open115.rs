//! 115 against its sandbox: a login that is scanned, tokens that are renewed, and what its refusals do to a grant.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use chrono::TimeDelta;
use secrecy::{ExposeSecret, SecretString};
use shopsync::auth::TokenParts;
use shopsync::auth::policy::OwnerReason;
use shopsync::auth::store::grants::Grants;
use shopsync::auth::{AuthError, Keyring, TokenInput, Tokens};
use shopsync::domain::credential::{Condition, Credential};
use shopsync::domain::grant::Access;
use shopsync::domain::shop::Shop;
use shopsync::platform::device_login::DeviceProgress;
use shopsync::platform::retry::RetryPolicy;
use shopsync::platform::{AppSettings, Application, profile};
use shopsync::sandbox::{
    DriveSettings, Fault, FaultKind, OPEN115_APP_ID, Sandbox, SandboxSettings, World, WorldHandle,
};

use crate::auth::context::key;
use crate::store::shops::shop;
use crate::support::app_settings::app_settings;
use crate::support::databases::{TestDatabase, both_databases};

pub(crate) const REFRESH: &str = "/open/refreshToken";
pub(crate) const EXCHANGE: &str = "/open/deviceCodeToToken";

/// Far longer than anything here takes on a loaded machine.
const PATIENCE: Duration = Duration::from_mins(2);

/// One shop that is an account of 115.
pub(crate) struct Drive {
    pub(crate) database: TestDatabase,
    sandbox: Sandbox,
    pub(crate) tokens: Tokens,
    pub(crate) shop: Shop,
}

impl Drive {
    async fn new(database: TestDatabase) -> Self {
        let settings = SandboxSettings { clock: database.clock.clone(), ..SandboxSettings::default() };
        let sandbox = Sandbox::start(settings).await.unwrap();
        let shop = Shop { platform: "115", zone: String::new(), records: Vec::new(), ..shop("pan") };
        database.store.shops().register(std::slice::from_ref(&shop)).await.unwrap();
        let tokens = program(&database, &sandbox);
        Self { database, sandbox, tokens, shop }
    }

    /// With a program that may leave files in `state`.
    pub(crate) fn with_state(self, state: &Path) -> Self {
        let tokens = Tokens::of(TokenParts {
            state_folder: Some(state.to_owned()),
            ..parts(&self.database, &self.sandbox)
        });
        Self { tokens, ..self }
    }

    /// Logged in just now as the first account.
    pub(crate) async fn logged_in(database: TestDatabase) -> Self {
        let test = Self::new(database).await;
        test.log_in(0).await.unwrap();
        test
    }

    pub(crate) async fn log_in(&self, account: usize) -> Result<(), AuthError> {
        let attempt = self.tokens.begin_device_login(&self.shop).await?;
        assert!(self.world().with(|world| world.open115_confirm(account)));
        self.tokens.login_device(&self.shop, &attempt.id).await.map(drop)
    }

    pub(crate) fn world(&self) -> WorldHandle {
        self.sandbox.world()
    }

    pub(crate) fn calls(&self, api: &str) -> u64 {
        self.world().with(|world| world.calls(api))
    }

    /// The next refresh ends like this.
    fn next_refresh(&self, kind: FaultKind) {
        self.world().with(|world| world.add_fault(Fault::new(kind).at(REFRESH).next(1)));
    }

    fn refuse_next_refresh(&self, code: i64) {
        self.next_refresh(FaultKind::Business { code, message: "no".to_owned() });
    }

    pub(crate) async fn access(&self) -> Result<Access, AuthError> {
        self.tokens.access(&self.shop).await
    }

    pub(crate) async fn row(&self) -> Credential {
        self.database.store.grants().get("pan").await.unwrap().unwrap()
    }

    pub(crate) async fn after_end(&self) {
        self.database.clock.set(self.row().await.tokens.access_ends_at + TimeDelta::minutes(1));
    }

    pub(crate) async fn until_version(&self, version: i64) {
        let waiting = async {
            while self.row().await.version < version {
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        };
        tokio::time::timeout(PATIENCE, waiting).await.unwrap();
    }

    pub(crate) fn assert_no_violations(&self) {
        let violations = self.world().with(|world| world.violations());
        assert!(violations.is_empty(), "{violations:?}");
    }
}

fn program(database: &TestDatabase, sandbox: &Sandbox) -> Tokens {
    Tokens::of(parts(database, sandbox))
}

fn parts(database: &TestDatabase, sandbox: &Sandbox) -> TokenParts {
    let settings = AppSettings {
        app_key: OPEN115_APP_ID.to_owned(),
        app_secret: SecretString::default(),
        ..app_settings(&sandbox.open115_gateway(), &database.clock)
    };
    let client = (profile("115").unwrap().connect)(settings).unwrap();
    let policy = RetryPolicy { attempts_max: 1, backoff_min: Duration::ZERO, backoff_max: Duration::ZERO };
    let application = Application::new("app".to_owned(), client, 1000.0, policy);
    let applications = Arc::new(BTreeMap::from([("app".to_owned(), Arc::new(application))]));
    TokenParts {
        grants: Grants::new(Arc::new(database.store.clone())),
        store: database.store.clone(),
        applications,
        keyring: Keyring::parse(&key(1)).unwrap(),
        clock: database.clock.clone(),
        refresh_before: BTreeMap::new(),
        state_folder: None,
    }
}

both_databases! {
    async fn a_scanned_login_is_exchanged_once_however_many_follow_it(database: TestDatabase) {
        let test = Drive::new(database).await;
        let other = program(&test.database, &test.sandbox);
        let attempt = test.tokens.begin_device_login(&test.shop).await.unwrap();
        assert!(attempt.shown.starts_with("https://115.com/scan/"), "{}", attempt.shown);
        let progress = async || other.device_progress(&test.shop, &attempt.id).await.unwrap();

        assert_eq!(progress().await, DeviceProgress::Waiting);
        test.world().with(World::open115_scan);
        assert_eq!(progress().await, DeviceProgress::Scanned);
        test.world().with(|world| world.open115_confirm(1));
        assert_eq!(progress().await, DeviceProgress::Confirmed);
        let ends = tokio::join!(
            test.tokens.login_device(&test.shop, &attempt.id),
            other.login_device(&test.shop, &attempt.id),
        );

        let ends = [ends.0, ends.1];
        assert_eq!(ends.iter().filter(|end| end.is_ok()).count(), 1);
        assert!(ends.iter().any(|end| matches!(end, Err(AuthError::LoginOver { .. }))));
        assert_eq!(test.calls(EXCHANGE), 1);
        assert_eq!(progress().await, DeviceProgress::Dead);
        let account = test.database.store.shops().get("pan").await.unwrap().unwrap().account;
        assert_eq!(account.id, Some(World::open115_account(1)));
        assert!(account.name.is_some());
        test.assert_no_violations();
    }

    async fn the_secret_of_a_login_is_sealed_and_an_old_login_is_forgotten(database: TestDatabase) {
        let test = Drive::new(database).await;
        let attempt = test.tokens.begin_device_login(&test.shop).await.unwrap();
        let sealed = test.database.store.logins().get(&attempt.id).await.unwrap().unwrap().secret_sealed.unwrap();
        let sealed_with_key = sealed.starts_with("v1:") && !sealed.contains("verifier");
        assert!(sealed_with_key, "{sealed}");

        test.tokens.give_up_device_login(&test.shop, &attempt.id).await.unwrap();
        test.world().with(|world| world.open115_confirm(0));
        let error = test.tokens.login_device(&test.shop, &attempt.id).await.unwrap_err();
        assert!(matches!(error, AuthError::LoginOver { .. }), "{error}");
        assert_eq!(test.calls(EXCHANGE), 0);

        test.database.execute("UPDATE login_attempts SET expires_at = '2020-01-01 00:00:00.000'").await;
        test.tokens.begin_device_login(&test.shop).await.unwrap();
        assert_eq!(test.database.number("SELECT COUNT(*) FROM login_attempts").await, 1);
    }

    async fn a_login_whose_time_is_over_is_not_exchanged(database: TestDatabase) {
        let test = Drive::new(database).await;
        let attempt = test.tokens.begin_device_login(&test.shop).await.unwrap();
        test.world().with(|world| world.open115_confirm(0));
        test.database.execute("UPDATE login_attempts SET expires_at = '2020-01-01 00:00:00.000'").await;

        let error = test.tokens.login_device(&test.shop, &attempt.id).await.unwrap_err();

        assert!(matches!(error, AuthError::LoginOver { .. }), "{error}");
        assert_eq!(test.calls(EXCHANGE), 0);
    }

    async fn a_refresh_is_one_call_and_the_years_end_never_moves(database: TestDatabase) {
        let test = Drive::logged_in(database).await;
        let first = test.row().await;
        let begun_at = test.database.clock.now();
        assert_eq!(first.tokens.access_ends_at, begun_at + TimeDelta::hours(2));
        assert_eq!(first.tokens.refresh_ends_at, Some(begun_at + TimeDelta::days(365)));

        for (round, says_errno) in [(1, false), (2, true)] {
            test.world().with(|world| {
                world.set_open115(DriveSettings { says_errno, ..DriveSettings::default() });
            });
            test.after_end().await;
            test.access().await.unwrap();
            let row = test.row().await;
            assert_eq!((row.condition, row.version), (Condition::Active, first.version + round));
            assert_eq!(row.tokens.access_ends_at, test.database.clock.now() + TimeDelta::days(30));
            assert_eq!(row.tokens.refresh_ends_at, first.tokens.refresh_ends_at);
            assert_eq!(row.granted_at, first.granted_at);
        }
        assert_eq!(test.calls(REFRESH), 2);
        test.assert_no_violations();
    }

    async fn a_two_hour_token_is_renewed_in_its_second_half_and_served_meanwhile(database: TestDatabase) {
        let test = Drive::logged_in(database).await;
        test.database.clock.advance(TimeDelta::minutes(59));
        test.access().await.unwrap();
        test.tokens.drain().await;
        assert_eq!(test.calls(REFRESH), 0);

        test.database.clock.advance(TimeDelta::minutes(2));
        let program = program(&test.database, &test.sandbox);
        let served = program.access(&test.shop).await.unwrap();
        test.until_version(2).await;
        program.drain().await;
        assert_eq!(served.generation, 1, "the old token lives for another hour");
        assert_eq!((test.calls(REFRESH), test.row().await.version), (1, 2));
    }

    async fn an_answer_that_was_lost_is_requested_once_more_after_a_minute(database: TestDatabase) {
        let test = Drive::logged_in(database).await;
        let calls = test.calls(REFRESH);
        test.after_end().await;
        test.next_refresh(FaultKind::LostReply);
        assert!(matches!(test.access().await, Err(AuthError::Later { .. })));
        assert_eq!(test.row().await.condition, Condition::Unknown);
        test.database.clock.advance(TimeDelta::seconds(59));
        assert!(test.access().await.is_err());
        assert_eq!(test.calls(REFRESH), calls + 1, "too early");

        test.database.clock.advance(TimeDelta::seconds(2));
        let error = test.access().await.err().unwrap();
        assert!(matches!(error, AuthError::NeedsOwner { reason: OwnerReason::AnswerLost, .. }), "{error}");
        test.database.clock.advance(TimeDelta::days(1));
        assert!(test.access().await.is_err());
        assert_eq!(test.calls(REFRESH), calls + 2, "there is no third try");
    }

    async fn only_the_codes_that_say_so_end_a_grant(database: TestDatabase) {
        let test = Drive::logged_in(database).await;
        for code in [
            99, 406, 770_004, 40_100_000, 40_101_017, 40_110_000, 40_140_100, 40_140_117, 40_140_118, 40_140_121, 40_140_122,
            40_140_123, 40_140_125, 40_140_136, 40_140_137, 40_199_999, 401,
        ] {
            // Each time a new year, which the renewals of all these codes together would outlast.
            test.log_in(0).await.unwrap();
            for says_errno in [false, true] {
                test.world().with(|world| {
                    world.set_open115(DriveSettings { says_errno, ..DriveSettings::default() });
                });
                test.after_end().await;
                test.refuse_next_refresh(code);
                let calls = test.calls(REFRESH);
                assert!(matches!(test.access().await, Err(AuthError::Later { .. })), "{code}");
                let row = test.row().await;
                assert!(matches!(row.condition, Condition::Active | Condition::Throttled), "{code}: {row:?}");
                assert!(row.not_before.is_some() && row.tokens.refresh_sealed.is_some(), "{code}");
                test.database.clock.advance(TimeDelta::seconds(58));
                assert!(test.access().await.is_err());
                assert_eq!(test.calls(REFRESH), calls + 1, "{code}: within a minute of the last call");
                test.database.clock.advance(TimeDelta::minutes(30));
                test.access().await.unwrap();
            }
        }
        for code in [40_140_114, 40_140_115, 40_140_116, 40_140_119, 40_140_120] {
            test.after_end().await;
            test.refuse_next_refresh(code);
            let end = test.access().await;
            let is_refused =
                matches!(end, Err(AuthError::NeedsOwner { reason: OwnerReason::RefreshRefused, .. }));
            assert!(is_refused, "{code}");
            assert!(test.row().await.tokens.refresh_sealed.is_some(), "{code}: kept all the same");
            test.log_in(0).await.unwrap();
        }
    }

    async fn a_third_grant_ends_the_first(database: TestDatabase) {
        let test = Drive::logged_in(database).await;
        let world = test.world();
        world.with(|world| world.open115_issue_token(0));
        test.tokens.inspect(&test.shop).await.unwrap();
        world.with(|world| world.open115_issue_token(1));
        test.tokens.inspect(&test.shop).await.unwrap();

        world.with(|world| world.open115_issue_token(0));
        assert_eq!(world.with(|world| world.open115_grants(0)), 2);
        assert!(test.tokens.inspect(&test.shop).await.is_err());
        test.after_end().await;
        let end = test.access().await;

        let is_refused = matches!(end, Err(AuthError::NeedsOwner { reason: OwnerReason::RefreshRefused, .. }));
        assert!(is_refused);
        assert!(test.row().await.trouble.unwrap().message.contains("40140116"));
    }

    async fn tokens_of_another_account_are_refused_and_the_old_ones_stay(database: TestDatabase) {
        let test = Drive::logged_in(database).await;
        let before = test.row().await;

        let error = test.log_in(1).await.unwrap_err();
        let is_other = matches!(&error, AuthError::OtherAccount { found, .. } if *found == World::open115_account(1));
        assert!(is_other, "{error}");
        let issued = test.world().with(|world| world.open115_issue_token(1));
        let given = format!(
            r#"{{"access_token":"{}","refresh_token":"{}"}}"#, issued.access, issued.refresh.unwrap()
        );
        let given = TokenInput::parse(&SecretString::from(given)).unwrap();
        let error = test.tokens.set(&test.shop, given).await.unwrap_err();

        assert!(matches!(error, AuthError::OtherAccount { .. }), "{error}");
        assert_eq!(test.row().await, before);
        test.log_in(0).await.unwrap();
    }

    async fn a_revoked_access_token_is_renewed_once(database: TestDatabase) {
        let test = Drive::logged_in(database).await;
        let access = test.access().await.unwrap();
        test.world().with(|world| world.open115_expire_access(0));

        test.tokens.inspect(&test.shop).await.unwrap();
        let renewed = test.access().await.unwrap();

        assert_ne!(renewed.token.expose_secret(), access.token.expose_secret());
        test.tokens.inspect(&test.shop).await.unwrap();
        assert_eq!(test.calls(REFRESH), 1);
    }
}

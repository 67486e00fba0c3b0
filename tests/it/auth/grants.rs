//! Codes, tokens and refreshes, as the simulated platforms treat them.

use chrono::TimeDelta;
use secrecy::{ExposeSecret, SecretString};
use shopsync::platform::PlatformError;
use shopsync::sandbox::{self, FaultKind, SandboxSettings};

use crate::platform::conversations::{Conversation, access, start};

#[tokio::test]
async fn a_code_becomes_a_grant_with_its_account_and_end() {
    for (conversation, side, life) in [
        (Conversation::temu(SandboxSettings::default()).await, sandbox::Platform::Temu, TimeDelta::days(365)),
        (
            Conversation::xiaohongshu(SandboxSettings::default()).await,
            sandbox::Platform::Xiaohongshu,
            TimeDelta::days(7),
        ),
    ] {
        let code = conversation.sandbox.world().with(|world| world.issue_code(side, 1));
        let granted = conversation.platform.exchange_code(&code.into()).await.unwrap();
        assert_eq!(granted.account.id, Some(side.account(1)));
        assert_eq!(granted.access_ends_at, Some(start() + life));
        let access = access(granted.access.expose_secret());
        conversation.platform.grant_info(&access).await.unwrap();
    }
}

#[tokio::test]
async fn a_used_code_is_no_refused_token() {
    let conversation = Conversation::temu(SandboxSettings::default()).await;
    let world = conversation.sandbox.world();
    let code = SecretString::from(world.with(|world| world.issue_code(sandbox::Platform::Temu, 0)));
    conversation.platform.exchange_code(&code).await.unwrap();
    let error = conversation.platform.exchange_code(&code).await.err().unwrap();
    assert!(matches!(error, PlatformError::Rejected { .. }), "{error:?}");
}

#[tokio::test]
async fn temu_answers_scopes_end_and_region_of_a_token_in_every_zone() {
    for (zone, api) in [("us", "bg.order.list.v2.get"), ("partner", "bg.glo.goods.list.get")] {
        let conversation = Conversation::with("temu", zone, SandboxSettings::default()).await;
        let told = conversation.platform.grant_info(&conversation.access).await.unwrap();
        assert_eq!(told.account.id, Some(sandbox::Platform::Temu.account(0)), "{zone}");
        assert_eq!(told.account.region.as_deref(), Some("211"), "{zone}");
        assert!(told.account.scopes.unwrap().iter().any(|scope| scope == api), "{zone}");
        assert_eq!(told.access_ends_at, Some(start() + TimeDelta::days(365)), "{zone}");
    }
}

#[tokio::test]
async fn a_refresh_token_is_used_once_and_then_dead() {
    let conversation = Conversation::xiaohongshu(SandboxSettings::default()).await;
    let refresh = conversation.refresh.as_ref().unwrap();

    let same = conversation.platform.refresh(refresh).await.unwrap();
    assert_eq!(same.access.expose_secret(), conversation.access.token.expose_secret(), "too early");

    conversation.clock.advance(TimeDelta::days(7) - TimeDelta::minutes(20));
    let fresh = conversation.platform.refresh(refresh).await.unwrap();
    assert_ne!(fresh.access.expose_secret(), same.access.expose_secret());
    assert_eq!(fresh.access_ends_at, Some(conversation.clock.now() + TimeDelta::days(7)));
    assert_eq!(fresh.refresh_ends_at, Some(conversation.clock.now() + TimeDelta::days(14)));

    let error = conversation.platform.refresh(refresh).await.err().unwrap();
    assert!(error.is_about_token(), "{error:?}");
}

#[tokio::test]
async fn trouble_during_a_refresh_is_never_a_dead_grant() {
    let conversation = Conversation::xiaohongshu(SandboxSettings::default()).await;
    let refresh = conversation.refresh.as_ref().unwrap();
    for kind in [
        FaultKind::Throttle,
        FaultKind::TokenExpired,
        FaultKind::NotGranted,
        FaultKind::Truncated,
        FaultKind::BadGateway,
        FaultKind::Business { code: 401, message: "业务处理异常".to_owned() },
    ] {
        conversation.fail(kind.clone());
        let error = conversation.platform.refresh(refresh).await.err().unwrap();
        assert!(!error.is_about_token(), "{kind:?} was heard as {error:?}");
    }
}

#[tokio::test]
async fn the_link_to_the_sandbox_stays_on_this_machine() {
    for conversation in [
        Conversation::temu(SandboxSettings::default()).await,
        Conversation::xiaohongshu(SandboxSettings::default()).await,
    ] {
        let link = conversation.platform.authorize_link("state-1").unwrap();
        assert!(link.starts_with(&conversation.sandbox.url()), "{link}");
        assert!(link.ends_with("state=state-1"), "{link}");
    }
}

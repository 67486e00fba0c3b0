//! A shop of every kind there is, side by side: what the zones of the platforms have in common and where they differ.

use shopsync::sandbox::{Platform, Sandbox, TEMU_OTHER_APP_KEY, TEMU_OTHER_APP_SECRET};

use crate::support::context::{TestContext, authorise};
use crate::support::program::Program;

/// One of them: its name in the config, and where the sandbox keeps it.
#[derive(Clone, Copy)]
pub(crate) struct TestShop {
    pub(crate) name: &'static str,
    pub(crate) platform: Platform,
    pub(crate) index: usize,
    pub(crate) zone: Zone,
}

/// How a shop lists what it offers.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Zone {
    /// A local shop of Temu: goods and SKUs, each whole.
    Local,
    /// Temu's partner and cn zones: by colour, without prices, and nothing but goods.
    Partner,
    Xiaohongshu,
}

/// The first and the last stand in every config of a test, the others in [`sections`].
pub(crate) const ALL_SHOPS: [TestShop; 5] = [
    TestShop { name: "temu-shop", platform: Platform::Temu, index: 0, zone: Zone::Local },
    // Sells in a currency without decimals.
    TestShop { name: "yen-shop", platform: Platform::Temu, index: 1, zone: Zone::Local },
    TestShop { name: "partner-shop", platform: Platform::Temu, index: 2, zone: Zone::Partner },
    TestShop { name: "cn-shop", platform: Platform::Temu, index: 2, zone: Zone::Partner },
    TestShop { name: "xhs-shop", platform: Platform::Xiaohongshu, index: 0, zone: Zone::Xiaohongshu },
];

const IN_SECTIONS: &[TestShop] = &[ALL_SHOPS[1], ALL_SHOPS[2], ALL_SHOPS[3]];

/// What config.toml needs for those that not every test has.
pub(crate) fn sections(sandbox: &Sandbox) -> String {
    let (key, secret) = Platform::Temu.app();
    let app = |zone: &str, gateway: &str, key: &str, secret: &str| {
        format!(
            "[apps.temu-{zone}]\nplatform = \"temu\"\nzone = \"{zone}\"\ngateway = \"{gateway}\"\n\
             app_key = \"{key}\"\napp_secret = \"{secret}\"\nrequests_per_second = 1000\n"
        )
    };
    let shop = |name: &str, app: &str| format!("[shops.{name}]\napp = \"{app}\"\n");
    app("partner", &sandbox.temu_partner_gateway(), key, secret)
        + &app("cn", &sandbox.temu_cn_gateway(), TEMU_OTHER_APP_KEY, TEMU_OTHER_APP_SECRET)
        + &shop("yen-shop", "temu")
        + &shop("partner-shop", "temu-partner")
        + &shop("cn-shop", "temu-cn")
}

/// Logs the shops of [`sections`] in.
pub(crate) async fn authorise_the_others(test: &TestContext) {
    for shop in IN_SECTIONS {
        authorise(&test.app, &test.sandbox, shop.name, shop.platform, shop.index).await;
    }
}

/// Logs all of them in, by the real binary.
pub(crate) async fn authorise_all_of(program: &Program, sandbox: &Sandbox) {
    for shop in ALL_SHOPS {
        let code = sandbox.world().with(|world| world.issue_code(shop.platform, shop.index));
        program.finish(&["auth", "code", shop.name, &code]).await;
    }
}

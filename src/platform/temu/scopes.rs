//! Which calls a shop's records need, by the names a grant lists.
//!
//! Only for local shops: the other zones are renaming their calls, and a list that is behind would warn of nothing.

use super::amounts::{VERSION_1, VERSION_2, VERSION_3};
use super::client::GRANT_INFO;
use super::orders::{DETAIL as ORDER_DETAIL, LIST as ORDER_LIST};
use super::{ZONE_CN, ZONE_PARTNER};
use crate::domain::record::Record;
use crate::domain::shop::ShopOptions;
use crate::platform::RequiredApi;

/// Tells the platform's time too, before a window is cut; so everything that is read by windows needs it.
const INFO: RequiredApi = &[GRANT_INFO];
const LIST: RequiredApi = &[ORDER_LIST];
const DETAIL: RequiredApi = &[ORDER_DETAIL];
/// Which one a shop has depends on its region.
const AMOUNTS: RequiredApi = &[VERSION_1, VERSION_2, VERSION_3];

pub fn required(zone: &str, record: Record, options: ShopOptions) -> &'static [RequiredApi] {
    if zone == ZONE_CN || zone == ZONE_PARTNER {
        return &[];
    }
    match record {
        Record::Orders => match (options.amounts, options.detail) {
            (true, true) => &[INFO, LIST, AMOUNTS, DETAIL],
            (true, false) => &[INFO, LIST, AMOUNTS],
            (false, true) => &[INFO, LIST, DETAIL],
            (false, false) => &[INFO, LIST],
        },
        Record::Products => &[&["bg.local.goods.list.query"], &["bg.local.goods.sku.list.query"]],
        Record::AfterSales => {
            &[INFO, &["bg.aftersales.parentaftersales.list.get"], &["bg.aftersales.aftersales.list.get"]]
        }
        Record::Activities => &[&["bg.promotion.activity.query"], &["bg.promotion.activity.goods.query"]],
    }
}

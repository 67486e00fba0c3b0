//! What is stored against what the simulated platforms hold, record by record.

use super::super::output;
use super::super::sandbox::shop_name;
use super::comparison::Comparison;
use super::{orders, others};
use crate::app::App;
use crate::domain::record::Record;
use crate::sandbox::{Platform, Sandbox};

/// Every table of every shop.
pub(super) async fn everything(app: &App, sandbox: &Sandbox) -> anyhow::Result<Vec<Comparison>> {
    let mut comparisons = Vec::new();
    for platform in Platform::ALL {
        let name = shop_name(platform);
        let Some(shop) = app.shop(&name) else { continue };
        for record in Record::ALL.into_iter().filter(|record| app.reads(shop, *record)) {
            match record {
                Record::Orders => comparisons.push(orders::compare(app, sandbox, platform).await?),
                Record::Products => {
                    let times = others::tells_update_times(app, shop, record);
                    comparisons.push(others::products(app, sandbox, platform, times).await?);
                    comparisons.push(others::skus(app, sandbox, platform, times).await?);
                }
                Record::AfterSales => comparisons.push(others::cases(app, sandbox, platform).await?),
                Record::Activities => comparisons.push(others::activities(app, sandbox, platform).await?),
            }
        }
    }
    Ok(comparisons)
}

/// Prints the comparisons; `difference` heads the last column.
pub(super) fn print(comparisons: &[Comparison], difference: &str) -> anyhow::Result<()> {
    let rows = comparisons.iter().map(|comparison| {
        [
            comparison.shop.clone(),
            comparison.table.to_owned(),
            comparison.there.to_string(),
            comparison.stored.to_string(),
            comparison.different.to_string(),
        ]
    });
    output::table(["shop", "record", "at the platform", "stored", difference], rows)
}

//! The page about tables and the schema that the migrations make.

use std::collections::{BTreeMap, BTreeSet};

use super::papers::{Paper, quoted};
use crate::support::databases::{TestDatabase, both_databases};

type Columns = BTreeMap<String, BTreeSet<String>>;

/// Tables of the libraries, not ours.
const FOREIGN: [&str; 2] = ["seaql_migrations", "sqlite_sequence"];

both_databases! {
    async fn every_column_of_every_table_is_explained(test: TestDatabase) {
        let tables = columns(&test).await;
        assert!(tables.contains_key("orders") && tables.contains_key("credentials"), "{:?}", tables.keys());
        let page = Paper::read("docs/reference/tables.md");
        let listed: Columns = page
            .rows_of("table")
            .into_iter()
            .filter_map(|row| {
                let table = quoted(row.first()?).pop()?;
                Some((table, row[1..].iter().flat_map(|cell| quoted(cell)).collect()))
            })
            .collect();
        assert!(listed.keys().eq(tables.keys()), "{:?} {:?}", listed.keys(), tables.keys());
        for (table, columns) in &tables {
            let missing: Vec<&String> = columns.difference(&listed[table]).collect();
            assert!(missing.is_empty(), "`{table}` has columns that are not listed: {missing:?}");
        }

        let common = explained(&page.rows_of("column of every record"));
        for section in page.tables() {
            let Some(table) = section.head[0].strip_prefix("column of `") else { continue };
            let columns = &tables[table.trim_end_matches('`')];
            let own = explained(&section.rows);
            let all = own.union(&common).cloned().collect();
            let unknown: Vec<&String> = own.difference(columns).collect();
            let missing: Vec<&String> = columns.difference(&all).collect();
            assert!(unknown.is_empty() && missing.is_empty(), "{table}: unknown {unknown:?}, missing {missing:?}");
        }
    }
}

fn explained(rows: &[Vec<String>]) -> BTreeSet<String> {
    rows.iter().flat_map(|row| quoted(&row[0])).collect()
}

async fn columns(test: &TestDatabase) -> Columns {
    let query = if test.store.is_postgres() {
        "SELECT table_name, column_name FROM information_schema.columns WHERE table_schema = current_schema()"
    } else {
        "SELECT m.name, p.name FROM sqlite_master AS m JOIN pragma_table_info(m.name) AS p WHERE m.type = 'table'"
    };
    let mut tables = Columns::new();
    for row in test.query(query).await {
        let table: String = row.try_get_by_index(0).unwrap();
        if !FOREIGN.contains(&table.as_str()) {
            tables.entry(table).or_default().insert(row.try_get_by_index(1).unwrap());
        }
    }
    tables
}

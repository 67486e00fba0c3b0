//! What may happen to a shop's offer: the mutations that tests script and drift draws from.

use super::{Product, Sku, Standing};
use crate::sandbox::accounts::Platform;
use crate::sandbox::generate::whole_second;
use crate::sandbox::world::World;

impl World {
    /// The seller lists a new product now. Its number.
    pub fn create_product(&mut self, platform: Platform, shop: usize) -> String {
        let now_ms = self.now_ms();
        let mut random = self.random.fork();
        let goods = &mut self.shop(platform, shop).goods;
        let product = goods.next_product(platform, now_ms, now_ms, &mut random);
        let id = product.id.clone();
        goods.add(product);
        id
    }

    /// Any change of a product, stamped with the present moment; its SKUs keep their times. `false`: there is no
    /// such product.
    pub fn change_product(
        &mut self,
        platform: Platform,
        shop: usize,
        id: &str,
        change: impl FnOnce(&mut Product),
    ) -> bool {
        let now_ms = stamp(platform, self.now_ms());
        self.rewrite_product(platform, shop, id, |product| {
            let before = product.standing;
            product.updated_ms = now_ms;
            change(product);
            if product.standing != before {
                product.standing_since_ms = now_ms;
            }
        })
    }

    /// Any change of a SKU, stamped with the present moment; its product keeps its time. `false`: there is no
    /// such SKU.
    pub fn change_sku(
        &mut self,
        platform: Platform,
        shop: usize,
        id: &str,
        change: impl FnOnce(&mut Sku),
    ) -> bool {
        let now_ms = stamp(platform, self.now_ms());
        self.rewrite_sku(platform, shop, id, |sku| {
            sku.updated_ms = now_ms;
            change(sku);
        })
    }

    /// Deletes a product for good: no list tells that it went, and nothing else moves.
    pub fn delete_product(&mut self, platform: Platform, shop: usize, id: &str) -> bool {
        self.rewrite_product(platform, shop, id, |product| product.is_gone = true)
    }

    /// A product comes back as it was, its times included: only who reads the whole list sees it.
    pub fn restore_product(&mut self, platform: Platform, shop: usize, id: &str) -> bool {
        self.rewrite_product(platform, shop, id, |product| product.is_gone = false)
    }

    /// Deletes one kind of a product for good.
    pub fn delete_sku(&mut self, platform: Platform, shop: usize, id: &str) -> bool {
        self.rewrite_sku(platform, shop, id, |sku| sku.is_gone = true)
    }

    /// A SKU comes back as it was, its times included.
    pub fn restore_sku(&mut self, platform: Platform, shop: usize, id: &str) -> bool {
        self.rewrite_sku(platform, shop, id, |sku| sku.is_gone = false)
    }

    fn rewrite_product(
        &mut self,
        platform: Platform,
        shop: usize,
        id: &str,
        change: impl FnOnce(&mut Product),
    ) -> bool {
        let goods = &mut self.shop(platform, shop).goods;
        let found = goods.by_product.get(id).map(|&position| &mut goods.products[position]);
        found.map(change).is_some()
    }

    fn rewrite_sku(
        &mut self,
        platform: Platform,
        shop: usize,
        id: &str,
        change: impl FnOnce(&mut Sku),
    ) -> bool {
        let goods = &mut self.shop(platform, shop).goods;
        let found = goods.by_sku.get(id).map(|&(product, sku)| &mut goods.products[product].skus[sku]);
        found.map(change).is_some()
    }
}

/// Something happens to the offer of a shop: mostly prices and stock, now and then the whole product.
pub fn somehow(world: &mut World, platform: Platform, shop: usize) {
    let goods = &world.shop(platform, shop).goods;
    let (products, vanished) = (goods.products.len(), goods.products.iter().find(|product| product.is_gone));
    let vanished = vanished.map(|product| product.id.clone());
    let chosen = world.random.usize(..products);
    let goods = &world.shop(platform, shop).goods;
    let product = goods.products[chosen].id.clone();
    let Some(sku) = goods.products[chosen].skus.first().map(|sku| sku.id.clone()) else {
        return;
    };
    match world.random.u32(..20) {
        0..8 => world.change_sku(platform, shop, &sku, |sku| sku.price_minor += 10),
        8..14 => world.change_sku(platform, shop, &sku, |sku| {
            sku.stock.iter_mut().for_each(|stock| stock.total += 1);
        }),
        14 | 15 => world.change_product(platform, shop, &product, |product| {
            product.standing = match product.standing {
                Standing::OnShelf => Standing::OffShelf,
                _ => Standing::OnShelf,
            };
        }),
        16 => world.change_sku(platform, shop, &sku, |sku| sku.is_on_sale = !sku.is_on_sale),
        17 => world.change_product(platform, shop, &product, |product| product.name.push('!')),
        18 => match vanished {
            Some(vanished) => world.restore_product(platform, shop, &vanished),
            None => world.delete_product(platform, shop, &product),
        },
        _ => !world.create_product(platform, shop).is_empty(),
    };
}

/// Before a page of a product list is answered.
pub fn before_page(world: &mut World, platform: Platform, shop: usize) {
    for _ in 0..world.drift.per_list_request {
        somehow(world, platform, shop);
    }
}

/// Temu keeps whole seconds.
fn stamp(platform: Platform, now_ms: i64) -> i64 {
    match platform {
        Platform::Temu => whole_second(now_ms),
        Platform::Xiaohongshu => now_ms,
    }
}

//! What happens to a basket after the visit, as the change records of a DynamoDB table.
//!
//! An order is inserted, paid, shipped or cancelled, and a cancelled one may be removed by hand. A cart that is left behind is removed
//! by time to live, which the record tells by its `userIdentity`. Records reach the file slightly out of order, some of them twice;
//! their sequence numbers tell the true order.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::io::{self, Write};

use crate::calendar::{DAY, HOUR, IsoText, MINUTE};
use crate::catalogue::{Catalogue, Rendered, amount};
use crate::clickstream::Basket;
use crate::random::Random;
use crate::visitors::PREFECTURES;

/// How many records lie between the true order and the order in the file, at most on average.
const DISORDER: usize = 24;
const REPEATED: f64 = 0.01;

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct ChangesWritten {
    pub(crate) changes: u64,
    pub(crate) repeated: u64,
    pub(crate) orders: u64,
    pub(crate) carts: u64,
    pub(crate) bytes: u64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Status {
    Cart,
    Ordered,
    Paid,
    Shipped,
    Cancelled,
    RemovedByHand,
    RemovedByTimeToLive,
}

impl Status {
    fn name(self) -> &'static str {
        match self {
            Self::Cart | Self::RemovedByTimeToLive => "cart",
            Self::Ordered => "ordered",
            Self::Paid => "paid",
            Self::Shipped => "shipped",
            Self::Cancelled | Self::RemovedByHand => "cancelled",
        }
    }

    fn event_name(self) -> &'static str {
        match self {
            Self::Cart | Self::Ordered => "INSERT",
            Self::Paid | Self::Shipped | Self::Cancelled => "MODIFY",
            Self::RemovedByHand | Self::RemovedByTimeToLive => "REMOVE",
        }
    }

    /// What happens next and how much later.
    fn next(self, random: &mut Random) -> Option<(Self, i64)> {
        let hours =
            |random: &mut Random, low: f64, high: f64| ((low + random.unit() * (high - low)) * HOUR as f64) as i64;
        match self {
            // DynamoDB removes an expired item some time after it expires.
            Self::Cart => Some((Self::RemovedByTimeToLive, 2 * DAY + hours(random, 0.1, 6.0))),
            Self::Ordered if random.chance(0.92) => Some((Self::Paid, random.between(1, 45) as i64 * MINUTE)),
            Self::Ordered => Some((Self::Cancelled, hours(random, 1.0, 30.0))),
            Self::Paid if random.chance(0.96) => Some((Self::Shipped, hours(random, 5.0, 50.0))),
            Self::Paid => Some((Self::Cancelled, hours(random, 1.0, 20.0))),
            Self::Cancelled if random.chance(0.4) => Some((Self::RemovedByHand, hours(random, 20.0, 90.0))),
            _ => None,
        }
    }
}

#[derive(Debug)]
struct Order {
    basket: Basket,
    created: i64,
    updated: i64,
    status: Status,
    random: Random,
}

/// The table: baskets come in, change records go out as time passes.
#[derive(Debug)]
pub(crate) struct OrderTable<'a, W> {
    catalogue: &'a Catalogue,
    output: W,
    random: Random,
    seed: u64,
    /// (instant, place in `orders`, what happens), the earliest first.
    agenda: BinaryHeap<Reverse<(i64, usize, Status)>>,
    orders: Vec<Option<Order>>,
    free_places: Vec<usize>,
    waiting: Vec<Vec<u8>>,
    written: ChangesWritten,
    time: IsoText,
}

impl<'a, W: Write> OrderTable<'a, W> {
    pub(crate) fn new(output: W, seed: u64, catalogue: &'a Catalogue) -> Self {
        Self {
            catalogue,
            output,
            random: Random::new(seed, 6, 0),
            seed,
            agenda: BinaryHeap::new(),
            orders: Vec::new(),
            free_places: Vec::new(),
            waiting: Vec::with_capacity(DISORDER),
            written: ChangesWritten::default(),
            time: IsoText::new(),
        }
    }

    pub(crate) fn insert(&mut self, instant: i64, basket: Basket) -> io::Result<()> {
        self.pass_time_until(instant)?;
        let number = self.written.orders + self.written.carts;
        let status = if basket.ordered {
            self.written.orders += 1;
            Status::Ordered
        } else {
            self.written.carts += 1;
            Status::Cart
        };
        let order =
            Order { basket, created: instant, updated: instant, status, random: Random::new(self.seed, 7, number) };
        let place = self.free_places.pop().unwrap_or_else(|| {
            self.orders.push(None);
            self.orders.len() - 1
        });
        self.change(place, order, None)
    }

    /// Writes the changes that happen before `end`; what would happen later has not happened.
    pub(crate) fn finish(mut self, end: i64) -> io::Result<(W, ChangesWritten)> {
        self.pass_time_until(end)?;
        while !self.waiting.is_empty() {
            self.write_one()?;
        }
        Ok((self.output, self.written))
    }

    fn pass_time_until(&mut self, instant: i64) -> io::Result<()> {
        while self.agenda.peek().is_some_and(|Reverse(change)| change.0 < instant) {
            let Some(Reverse((changed, place, status))) = self.agenda.pop() else {
                break;
            };
            if let Some(mut order) = self.orders[place].take() {
                let before = (order.status, order.updated);
                order.status = status;
                order.updated = changed;
                self.change(place, order, Some(before))?;
            }
        }
        Ok(())
    }

    fn change(&mut self, place: usize, mut order: Order, before: Option<(Status, i64)>) -> io::Result<()> {
        let record = self.render(&order, before);
        self.written.changes += 1;
        if self.random.chance(REPEATED) {
            self.written.repeated += 1;
            self.queue(record.clone())?;
        }
        self.queue(record)?;
        if let Some((next, after)) = order.status.next(&mut order.random) {
            self.agenda.push(Reverse((order.updated + after, place, next)));
            self.orders[place] = Some(order);
        } else {
            self.free_places.push(place);
        }
        Ok(())
    }

    fn queue(&mut self, record: Vec<u8>) -> io::Result<()> {
        if self.waiting.len() == DISORDER {
            self.write_one()?;
        }
        self.waiting.push(record);
        Ok(())
    }

    fn write_one(&mut self) -> io::Result<()> {
        let place = self.random.below(self.waiting.len() as u64) as usize;
        let record = self.waiting.swap_remove(place);
        self.written.bytes += record.len() as u64 + 1;
        self.output.write_all(&record)?;
        self.output.write_all(b"\n")
    }

    fn render(&mut self, order: &Order, before: Option<(Status, i64)>) -> Vec<u8> {
        let number = self.written.changes;
        let event_name = order.status.event_name();
        let id = &order.basket.id;
        let mut images = String::new();
        if let Some((status, updated)) = before {
            images.push_str(",\"OldImage\":");
            self.push_image(&mut images, order, status, updated);
        }
        if event_name != "REMOVE" {
            images.push_str(",\"NewImage\":");
            self.push_image(&mut images, order, order.status, order.updated);
        }
        let identity = if order.status == Status::RemovedByTimeToLive {
            r#""userIdentity":{"type":"Service","principalId":"dynamodb.amazonaws.com"},"#
        } else {
            ""
        };
        let record = format!(
            r#"{{"eventID":"{:032x}","eventName":"{event_name}","eventVersion":"1.1","eventSource":"aws:dynamodb","awsRegion":"ap-northeast-1",{identity}"dynamodb":{{"ApproximateCreationDateTime":{},"Keys":{{"order_id":{{"S":"{id}"}}}}{images},"SequenceNumber":"{}","SizeBytes":{},"StreamViewType":"NEW_AND_OLD_IMAGES"}},"eventSourceARN":"arn:aws:dynamodb:ap-northeast-1:111122223333:table/orders/stream/2026-09-01T00:00:00.000"}}"#,
            u128::from(number) << 64 | u128::from(self.seed),
            order.updated / 1000,
            1_700_000_000_000_000_000_000_u128 + u128::from(number) * 977,
            images.len() / 2,
        );
        Rendered::new(&record).get(order.basket.escaped).to_vec()
    }

    /// All ten types of attribute occur: S, N, B, BOOL, NULL, M, L, SS, NS and BS.
    fn push_image(&mut self, json: &mut String, order: &Order, status: Status, updated: i64) {
        let basket = &order.basket;
        let product = &self.catalogue.products[basket.product];
        let price = amount(product.price);
        let total = amount(product.price * basket.quantity);
        let created_text = String::from_utf8_lossy(self.time.of(order.created)).into_owned();
        let updated_text = String::from_utf8_lossy(self.time.of(updated)).into_owned();
        let (prefecture, ..) = PREFECTURES[basket.prefecture];
        let mut random = Random::new(self.seed, 8, order.created as u64);
        json.push_str(&format!(
            r#"{{"order_id":{{"S":"{}"}},"status":{{"S":"{}"}},"ordered_at":{{"S":"{created_text}"}},"updated_at":{{"S":"{updated_text}"}}"#,
            basket.id,
            status.name(),
        ));
        match basket.customer_id {
            Some(customer_id) => {
                json.push_str(&format!(r#","customer_id":{{"N":"{customer_id}"}}"#));
            }
            None => json.push_str(r#","customer_id":{"NULL":true}"#),
        }
        json.push_str(&format!(
            r#","total":{{"N":"{total}"}},"ledger_number":{{"N":"{}{:018}"}},"items":{{"L":[{{"M":{{"product_id":{{"S":"{}"}},"title":{{"S":"{}"}},"quantity":{{"N":"{}"}},"price":{{"N":"{price}"}}}}}}]}},"shipping":{{"M":{{"prefecture":{{"S":"{prefecture}"}},"postal_code":{{"S":"{:03}-{:04}"}},"gift_wrap":{{"BOOL":{}}}}}}}"#,
            random.between(10_000_000_000_000_000_000, 18_000_000_000_000_000_000),
            random.below(1_000_000_000_000_000_000),
            product.id,
            product.title,
            basket.quantity,
            random.below(1000),
            random.below(10_000),
            random.chance(0.2),
        ));
        match random.below(4) {
            0 => json.push_str(r#","coupons":{"SS":["AUTUMN10","湖の友"]},"discount_rates":{"NS":["0.10","0.05"]}"#),
            1 => json.push_str(r#","coupons":{"SS":["WELCOME"]},"discount_rates":{"NS":["0.05"]},"note":{"S":""}"#),
            2 => json.push_str(r#","note":{"S":"置き配でお願いします"}"#),
            _ => json.push_str(r#","note":{"NULL":true}"#),
        }
        if matches!(status, Status::Cart) {
            let expires = (order.created + 2 * DAY) / 1000;
            json.push_str(&format!(r#","expires_at":{{"N":"{expires}"}}"#));
        } else {
            json.push_str(r#","receipt":{"B":"44Os44K344O844OI"},"signatures":{"BS":["AAECAw==","/v8="]}"#);
        }
        json.push('}');
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]
    use super::OrderTable;
    use crate::catalogue::Catalogue;
    use crate::clickstream::Basket;

    #[test]
    fn a_cart_is_removed_by_time_to_live_and_every_change_has_its_own_number() {
        let catalogue = Catalogue::new(7);
        let mut table = OrderTable::new(Vec::new(), 7, &catalogue);
        for number in 0..500_i64 {
            let basket = Basket {
                id: format!("o{number}"),
                customer_id: (number % 5 > 0).then_some(100_000),
                prefecture: 0,
                product: 3,
                quantity: 2,
                ordered: number % 3 > 0,
                escaped: false,
            };
            table.insert(1_790_000_000_000 + number * 600_000, basket).unwrap();
        }
        let (output, written) = table.finish(1_800_000_000_000).unwrap();
        let text = String::from_utf8(output).unwrap();
        assert_eq!(text.lines().count() as u64, written.changes + written.repeated);
        assert_eq!((written.orders, written.carts), (333, 167));
        assert_eq!(text.matches("dynamodb.amazonaws.com").count() as u64 / 167, 1);
        for name in ["S", "N", "B", "BOOL", "NULL", "M", "L", "SS", "NS", "BS"] {
            assert!(text.contains(&format!("{{\"{name}\":")), "{name}");
        }
        let numbers: Vec<&str> = text
            .lines()
            .map(|line| line.split("\"SequenceNumber\":\"").nth(1).unwrap().split('"').next().unwrap())
            .collect();
        assert!(numbers.iter().all(|number| number.len() >= 21));
        assert!(!numbers.is_sorted());
        let different: std::collections::BTreeSet<&&str> = numbers.iter().collect();
        assert_eq!(different.len() as u64, written.changes);
    }
}

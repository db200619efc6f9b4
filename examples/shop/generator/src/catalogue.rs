//! What the shop sells and says: products, pages, searches and campaigns, rendered once and copied into each record.
//!
//! Every text exists twice, as plain UTF-8 and with `\u` escapes: both mean the same to a JSON reader.

use crate::random::Random;

pub(crate) const PRODUCT_COUNT: usize = 240;

/// Code, Japanese name and typical price in yen of each category.
const CATEGORIES: [(&str, &str, u64); 8] = [
    ("food", "食品", 1_200),
    ("drink", "飲みもの", 900),
    ("kitchen", "キッチン", 3_800),
    ("fashion", "ファッション", 5_400),
    ("beauty", "コスメ", 2_600),
    ("sports", "スポーツ", 6_200),
    ("books", "本・雑誌", 1_500),
    ("toys", "おもちゃ", 2_900),
];

const PRODUCT_WORDS: [&str; 12] = [
    "北海道産",
    "京都の",
    "手づくり",
    "軽い",
    "防水",
    "たっぷり",
    "オーガニック",
    "限定",
    "定番の",
    "こだわり",
    "冬の",
    "はじめての",
];
const TAGS: [&str; 8] = ["新着", "セール", "送料無料", "限定", "再入荷", "ギフト🎁", "人気", "予約"];

const PAGES: [(&str, &str); 6] = [
    ("/", "湖のお店"),
    ("/ranking", "人気ランキング｜湖店"),
    ("/features/autumn", "秋の特集🍁｜湖店"),
    ("/help/shipping", "送料とお届けについて｜湖店"),
    ("/mypage", "マイページ｜湖店"),
    ("/stores", "店舗のご案内｜湖店"),
];

const SEARCHES: [&str; 10] = [
    "りんご",
    "コーヒー 豆",
    "フライパン",
    "ダウンジャケット",
    "口紅",
    "ランニングシューズ",
    "絵本",
    "ぬいぐるみ",
    "\"送料無料\"",
    "gift セット",
];

/// Campaign name, source, first and last day (counted from the first generated day) and relative reach; the dates and costs stand
/// in `seeds/campaigns.csv`.
pub(crate) const CAMPAIGNS: [(&str, &str, i64, i64, u64); 6] = [
    ("autumn_sale", "google", 0, 14, 30),
    ("brand_search", "google", 0, 30, 25),
    ("newsletter_10", "email", 4, 6, 12),
    ("coffee_week", "instagram", 9, 16, 18),
    ("payday_25", "line", 22, 26, 20),
    ("halloween", "instagram", 24, 30, 22),
];

/// A piece of JSON as plain UTF-8 and with `\u` escapes.
#[derive(Debug)]
pub(crate) struct Rendered {
    plain: Vec<u8>,
    escaped: Vec<u8>,
}

impl Rendered {
    pub(crate) fn new(json: &str) -> Self {
        Self { plain: json.as_bytes().to_vec(), escaped: escape(json).into_bytes() }
    }

    pub(crate) fn get(&self, escaped: bool) -> &[u8] {
        if escaped { &self.escaped } else { &self.plain }
    }
}

/// Writes every character outside ASCII as `\uXXXX`, in two halves where UTF-16 needs two.
fn escape(json: &str) -> String {
    let mut escaped = String::with_capacity(json.len() * 2);
    for character in json.chars() {
        if character.is_ascii() {
            escaped.push(character);
        } else {
            for unit in character.encode_utf16(&mut [0; 2]) {
                escaped.push_str(&format!("\\u{unit:04x}"));
            }
        }
    }
    escaped
}

#[derive(Debug)]
pub(crate) struct Product {
    pub(crate) id: String,
    pub(crate) title: String,
    /// Hundredths of a yen, written with two decimals.
    pub(crate) price: u64,
    /// The member `"product":{…}` with a comma after it.
    pub(crate) json: Rendered,
    /// The page of the product: `"url":"…","title":"…"`.
    pub(crate) page: Rendered,
}

#[derive(Debug)]
pub(crate) struct Catalogue {
    pub(crate) products: Vec<Product>,
    /// `"url":"…","title":"…"` of pages that show no product.
    pub(crate) pages: Vec<Rendered>,
    /// `"url":"…","title":"…"` of the cart, the checkout and the page after a purchase.
    pub(crate) checkout_pages: [Rendered; 3],
    /// `"search":{"query":…` without its end, and the page that shows the result.
    pub(crate) searches: Vec<(Rendered, Rendered)>,
}

impl Catalogue {
    pub(crate) fn new(seed: u64) -> Self {
        let page = |path: &str, title: &str| {
            Rendered::new(&format!(r#""url":"https://shop.example.jp{path}","title":"{title}""#))
        };
        Self {
            products: (0..PRODUCT_COUNT).map(|index| product(seed, index)).collect(),
            pages: PAGES.iter().map(|(path, title)| page(path, title)).collect(),
            checkout_pages: [
                page("/cart", "カート｜湖店"),
                page("/checkout", "ご購入手続き｜湖店"),
                page("/thanks", "ご注文ありがとうございます｜湖店"),
            ],
            searches: SEARCHES
                .iter()
                .map(|words| {
                    let words = words.replace('"', "\\\"");
                    (
                        Rendered::new(&format!(r#""search":{{"query":"{words}","hits":"#)),
                        page("/search", &format!("「{words}」の検索結果｜湖店")),
                    )
                })
                .collect(),
        }
    }

    /// A product; the first ones are by far the most popular.
    pub(crate) fn popular_product(&self, random: &mut Random) -> usize {
        let place = random.unit();
        (place * place * place * self.products.len() as f64) as usize
    }
}

fn product(seed: u64, index: usize) -> Product {
    let mut random = Random::new(seed, 1, index as u64);
    let (category, category_name, typical_price) = CATEGORIES[index % CATEGORIES.len()];
    let yen = typical_price * random.between(40, 220) / 100;
    let price = yen * 100 + *random.pick(&[0, 0, 0, 50]);
    let id = format!("P{:04}", index + 1);
    let title = format!("{}{category_name} {}号", random.pick(&PRODUCT_WORDS), index + 1);
    let tags = match random.below(4) {
        0 => String::new(),
        1 => format!(r#""{}""#, random.pick(&TAGS)),
        _ => format!(r#""{}","{}""#, random.pick(&TAGS[..4]), random.pick(&TAGS[4..])),
    };
    let weight = random.between(1, 48);
    Product {
        json: Rendered::new(&format!(
            r#""product":{{"id":"{id}","price":{},"category":"{category}","tags":[{tags}],"weight_kg":{}.{}0}},"#,
            amount(price),
            weight / 10,
            weight % 10,
        )),
        page: Rendered::new(&format!(r#""url":"https://shop.example.jp/{category}/{id}","title":"{title}｜湖店""#)),
        id,
        title,
        price,
    }
}

/// Hundredths as a decimal number with two digits after the point.
pub(crate) fn amount(hundredths: u64) -> String {
    format!("{}.{:02}", hundredths / 100, hundredths % 100)
}

#[cfg(test)]
mod tests {
    use super::{Catalogue, PRODUCT_COUNT, amount, escape};
    use crate::random::Random;

    #[test]
    fn escapes_are_utf16_units() {
        assert_eq!(escape("a東🎁"), "a\\u6771\\ud83c\\udf81");
    }

    #[test]
    fn amounts_keep_two_digits() {
        assert_eq!(amount(110), "1.10");
        assert_eq!(amount(198_005), "1980.05");
    }

    #[test]
    fn the_first_products_are_the_popular_ones() {
        let catalogue = Catalogue::new(7);
        let mut random = Random::new(7, 2, 3);
        let first_eighth = (0..10_000).filter(|_| catalogue.popular_product(&mut random) < PRODUCT_COUNT / 8).count();
        assert!((4_500..5_500).contains(&first_eighth), "{first_eighth}");
    }
}

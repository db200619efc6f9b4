//! An event as one line of JSON, put together from texts that were rendered once.

use super::{Basket, Session, Step, basket_of};
use crate::catalogue::{CAMPAIGNS, Catalogue, Rendered, amount};
use crate::visitors::{AGE_GROUPS, Device, PREFECTURES};

pub(super) fn render(
    session: &mut Session,
    catalogue: &Catalogue,
    baskets: &mut u64,
    day_number: i64,
    (time, identity): (&[u8; 24], u64),
    received: &[u8; 24],
    line: &mut Vec<u8>,
) -> Option<Basket> {
    let step = Step::of(session);
    let escaped = session.escaped;
    line.extend_from_slice(b"{\"event_id\":\"");
    put_event_id(line, identity, time);
    line.extend_from_slice(b"\",\"event_type\":\"");
    line.extend_from_slice(step.event_type().as_bytes());
    line.extend_from_slice(b"\",\"occurred_at\":\"");
    line.extend_from_slice(time);
    line.extend_from_slice(b"\",");
    line.extend_from_slice(&session.profile);
    line.extend_from_slice(b"\"page\":{");
    let search = &catalogue.searches[identity as usize % catalogue.searches.len()];
    let page = match step {
        Step::Landing | Step::PageView => &catalogue.pages[session.random.below(catalogue.pages.len() as u64) as usize],
        Step::Search => &search.1,
        Step::ProductView => {
            session.product = catalogue.popular_product(&mut session.random);
            &catalogue.products[session.product].page
        }
        Step::AddToCart => &catalogue.checkout_pages[0],
        Step::Checkout | Step::Purchase => &catalogue.checkout_pages[1],
        Step::Thanks => &catalogue.checkout_pages[2],
    };
    line.extend_from_slice(page.get(escaped));
    if step == Step::Landing {
        put_arrival(line, session, day_number);
    } else {
        line.extend_from_slice(b"},");
    }
    let product = &catalogue.products[session.product];
    if matches!(step, Step::ProductView | Step::AddToCart | Step::Purchase) {
        line.extend_from_slice(product.json.get(escaped));
    }
    match session.visitor.variant {
        Some(variant) => {
            line.extend_from_slice(br#""experiment":{"name":"checkout_10","variant":""#);
            line.extend_from_slice(variant.name().as_bytes());
            line.extend_from_slice(b"\"},");
        }
        None => line.extend_from_slice(b"\"experiment\":null,"),
    }
    if step == Step::Search {
        line.extend_from_slice(search.0.get(escaped));
        put_number(line, identity % 180);
        line.extend_from_slice(b"},");
    }
    let basket = basket_of(step, session, baskets);
    if matches!(step, Step::AddToCart | Step::Purchase) {
        line.extend_from_slice(b"\"quantity\":");
        put_number(line, session.quantity);
        line.push(b',');
    }
    if step == Step::Purchase
        && let Some(basket) = &basket
    {
        let total = amount(product.price * session.quantity);
        let order = format!(r#""order":{{"id":"{}","total":{total},"currency":"JPY"}},"#, basket.id);
        line.extend_from_slice(order.as_bytes());
    }
    line.extend_from_slice(br#""sdk":"js 4.2","timing":{"ttfb":"#);
    put_number(line, 20 + (identity >> 8) % 700);
    line.extend_from_slice(b",\"cls\":0.");
    put_number(line, 10 + (identity >> 20) % 90);
    line.extend_from_slice(br#"},"consent":{"ads":null},"received_at":""#);
    line.extend_from_slice(received);
    line.extend_from_slice(b"\"}");
    basket
}

/// Referrer and campaign of the first page of a session: the rest of the member `"page":{…`, its end included.
fn put_arrival(line: &mut Vec<u8>, session: &mut Session, day_number: i64) {
    let random = &mut session.random;
    if random.chance(0.38) {
        let mut rest = random.below(CAMPAIGNS.iter().map(|campaign| campaign.4).sum());
        for (name, source, first_day, last_day, reach) in CAMPAIGNS {
            if rest < reach {
                // An old link still brings somebody now and then.
                if (first_day..=last_day).contains(&day_number) || random.chance(0.1) {
                    let arrival = format!(
                        r#","referrer":"https://{source}.example/","utm":{{"source":"{source}","campaign":"{name}"}}}},"#
                    );
                    line.extend_from_slice(arrival.as_bytes());
                    return;
                }
                break;
            }
            rest -= reach;
        }
    }
    line.extend_from_slice(match random.below(4) {
        0 => br#","referrer":"https://www.google.example/search","utm":{}},"#.as_slice(),
        1 => br#","referrer":"","utm":null},"#,
        2 => br#","referrer":null},"#,
        _ => b"},",
    });
}

/// Operating system, screen and user agent of each device.
const MACHINES: [(Device, &str, &str, &str); 8] = [
    (Device::Mobile, "iOS 19.1", r#"{"w":390,"h":844,"dpr":3.0}"#, "Mozilla/5.0 (iPhone; iOS 19_1) Safari/604.1"),
    (
        Device::Mobile,
        "Android 16",
        r#"{"w":412,"h":915,"dpr":2.63}"#,
        "Mozilla/5.0 (Linux; Android 16; Pixel 10) Chrome/141.0",
    ),
    (
        Device::Mobile,
        "Android 15",
        r#"{"w":360,"h":780,"dpr":3.50}"#,
        "Mozilla/5.0 (Linux; Android 15; SO-51E) Chrome/140.0",
    ),
    (
        Device::Desktop,
        "Windows 11",
        r#"{"w":1920,"h":1080,"dpr":1.10}"#,
        "Mozilla/5.0 (Windows NT 10.0; Win64) Chrome/141.0",
    ),
    (
        Device::Desktop,
        "macOS 16.0",
        r#"{"w":1728,"h":1117,"dpr":2.0}"#,
        "Mozilla/5.0 (Macintosh; Mac OS X 10_15_7) Safari/605.1",
    ),
    (
        Device::Desktop,
        "Windows 11",
        r#"{"w":2560,"h":1440,"dpr":1.0}"#,
        "Mozilla/5.0 (Windows NT 10.0; rv:144.0) Firefox/144.0",
    ),
    (Device::Tablet, "iPadOS 19.0", r#"{"w":820,"h":1180,"dpr":2.0}"#, "Mozilla/5.0 (iPad; iPadOS 19_0) Safari/604.1"),
    (
        Device::Tablet,
        "Android 15",
        r#"{"w":800,"h":1280,"dpr":1.50}"#,
        "Mozilla/5.0 (Linux; Android 15; SM-X710) Chrome/140.0",
    ),
];

pub(super) fn render_profile(session: &mut Session) {
    let visitor = &session.visitor;
    let (prefecture, latitude, longitude) = PREFECTURES[visitor.prefecture];
    let mut json = String::with_capacity(420);
    json.push_str("\"user\":{\"id\":");
    match visitor.user_id {
        Some(user_id) => json.push_str(&user_id.to_string()),
        None => json.push_str("null"),
    }
    let anonymous_id = String::from_utf8_lossy(&visitor.anonymous_id);
    json.push_str(&format!(r#","anonymous_id":"{anonymous_id}","plan":"{}""#, visitor.plan));
    if let Some(place) = visitor.age_group {
        json.push_str(&format!(r#","age_group":"{}""#, AGE_GROUPS[place]));
    }
    if let Some(gender) = visitor.gender {
        json.push_str(&format!(r#","gender":"{gender}""#));
    }
    json.push_str(&format!(r#","geo":{{"country":"JP","pref":"{prefecture}","lat":{latitude},"lon":{longitude}}}}},"#));
    let start = session.random.below(MACHINES.len() as u64) as usize;
    let machine = (0..MACHINES.len())
        .map(|offset| MACHINES[(start + offset) % MACHINES.len()])
        .find(|machine| machine.0 == session.device);
    if let Some((device, os, screen, agent)) = machine {
        json.push_str(&format!(
            r#""device":{{"type":"{}","os":"{os}","ua":"{agent}","screen":{screen}}},"#,
            device.name()
        ));
    }
    let rendered = Rendered::new(&json);
    session.profile.clear();
    session.profile.extend_from_slice(rendered.get(session.escaped));
}

/// Digits of the instant, then letters and digits that no other event has: it sorts by time, as a ULID does.
fn put_event_id(line: &mut Vec<u8>, mut identity: u64, time: &[u8; 24]) {
    line.extend_from_slice(b"01");
    line.extend_from_slice(&time[2..4]);
    line.extend_from_slice(&time[5..7]);
    line.extend_from_slice(&time[8..10]);
    line.extend_from_slice(&time[11..13]);
    line.extend_from_slice(&time[14..16]);
    for _ in 0..12 {
        line.push(b"0123456789ABCDEFGHJKMNPQRSTVWXYZ"[(identity & 31) as usize]);
        identity >>= 5;
    }
}

fn put_number(line: &mut Vec<u8>, mut number: u64) {
    let mut digits = [0_u8; 20];
    let mut first = digits.len();
    loop {
        first -= 1;
        digits[first] = b'0' + (number % 10) as u8;
        number /= 10;
        if number == 0 {
            break;
        }
    }
    line.extend_from_slice(&digits[first..]);
}

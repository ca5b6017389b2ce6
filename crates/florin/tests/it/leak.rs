//! Card and personal data where they must not be: files, output, the gateway's memory. Searched in every form that is easy to think of.

use crate::house::House;
use crate::web::Api;
use aws_lc_rs::digest;
use std::io::{Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};

const DESCRIPTION: &str = "Zwei Karten fuer Parkett-Canary-Tosca";
const EMAIL: &str = "canary-tosca@example.com";
/// Security codes as they stand in DE 126: tag 10, length, digits.
const CODES: [&str; 2] = ["10003739", "100047391"];

/// A number of a canary range with the given digits before Luhn's.
fn canary(digits: &str) -> String {
    let part = |(at, digit): (usize, u8)| match (at % 2, u32::from(digit - b'0')) {
        (0, n @ 5..) => n * 2 - 9,
        (0, n) => n * 2,
        (_, n) => n,
    };
    let sum: u32 = digits.bytes().rev().enumerate().map(part).sum();
    format!("{digits}{}", (10 - sum % 10) % 10)
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|b| format!("{b:02x}")).collect()
}

/// Two digits a byte; an odd number of digits gets a pad in front or behind.
fn bcd(digits: &str, swapped: bool) -> Vec<Vec<u8>> {
    let padded = match digits.len() % 2 {
        0 => vec![digits.to_owned()],
        _ => vec![format!("0{digits}"), format!("{digits}f"), format!("{digits}0")],
    };
    let byte = |pair: &[u8]| {
        let digit = |b: u8| u8::try_from(char::from(b).to_digit(16).unwrap()).unwrap();
        let (high, low) = if swapped { (pair[1], pair[0]) } else { (pair[0], pair[1]) };
        digit(high) << 4 | digit(low)
    };
    padded.iter().map(|text| text.as_bytes().chunks(2).map(byte).collect()).collect()
}

/// Base64 of the text as it looks inside a longer one, at each of the three places where it can begin.
fn base64(text: &str) -> Vec<Vec<u8>> {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let encode = |bytes: &[u8]| -> Vec<u8> {
        let value = |group: &[u8]| group.iter().fold(0usize, |n, b| n << 8 | usize::from(*b));
        let digits = |group: &[u8]| [18, 12, 6, 0].map(|shift| DIGITS[value(group) >> shift & 63]);
        bytes.chunks_exact(3).flat_map(digits).collect()
    };
    // What depends on the neighbours is left out.
    (0..3).map(|skip| encode(&text.as_bytes()[skip..])).collect()
}

/// Every form of a card number, each with its name.
fn forms(number: &str) -> Vec<(&'static str, Vec<u8>)> {
    let grouped = |by: &str| {
        let groups: Vec<&str> = match number.len() {
            15 => vec![&number[..4], &number[4..10], &number[10..]],
            _ => vec![&number[..4], &number[4..8], &number[8..12], &number[12..]],
        };
        groups.join(by).into_bytes()
    };
    let reversed: String = number.chars().rev().collect();
    let mut forms = vec![
        ("digits", number.as_bytes().to_vec()),
        ("spaced", grouped(" ")),
        ("dashed", grouped("-")),
        ("backwards", reversed.into_bytes()),
        ("hexadecimal", hex(number.as_bytes()).into_bytes()),
        ("HEXADECIMAL", hex(number.as_bytes()).to_uppercase().into_bytes()),
        ("UTF-16LE", number.encode_utf16().flat_map(u16::to_le_bytes).collect()),
        ("UTF-16BE", number.encode_utf16().flat_map(u16::to_be_bytes).collect()),
    ];
    // Of 4000 0000 0000 0002 these would be two small integers side by side, as every process has.
    if !number.contains("00000000") {
        forms.push(("one digit a byte", number.bytes().map(|b| b - b'0').collect()));
    }
    forms.extend(bcd(number, false).into_iter().map(|bytes| ("BCD", bytes)));
    forms.extend(bcd(number, true).into_iter().map(|bytes| ("BCD, nibbles swapped", bytes)));
    forms.extend(base64(number).into_iter().map(|bytes| ("base64", bytes)));
    let integer: u64 = number.parse().unwrap();
    forms.push(("integer", integer.to_le_bytes().to_vec()));
    forms.push(("integer, big-endian", integer.to_be_bytes().to_vec()));
    for (name, algorithm) in
        [("SHA-256", &digest::SHA256), ("SHA-1", &digest::SHA1_FOR_LEGACY_USE_ONLY), ("SHA-512", &digest::SHA512)]
    {
        let hash = digest::digest(algorithm, number.as_bytes());
        forms.push((name, hash.as_ref().to_vec()));
        forms.push((name, hex(hash.as_ref()).into_bytes()));
    }
    forms
}

/// Finds patterns in bytes, all in one pass.
struct Search {
    patterns: Vec<(String, Vec<u8>)>,
    /// By the first two bytes.
    starts: Vec<Vec<usize>>,
}

impl Search {
    fn new(patterns: Vec<(String, Vec<u8>)>) -> Search {
        let mut starts = vec![Vec::new(); 1 << 16];
        for (at, (_, bytes)) in patterns.iter().enumerate() {
            starts[usize::from(bytes[0]) << 8 | usize::from(bytes[1])].push(at);
        }
        Search { patterns, starts }
    }

    fn find(&self, bytes: &[u8]) -> Vec<String> {
        let mut found = std::collections::BTreeSet::new();
        for (at, pair) in bytes.windows(2).enumerate() {
            for n in &self.starts[usize::from(pair[0]) << 8 | usize::from(pair[1])] {
                if bytes[at..].starts_with(&self.patterns[*n].1) {
                    found.insert(self.patterns[*n].0.clone());
                }
            }
        }
        found.into_iter().collect()
    }
}

fn files(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).unwrap().map(Result::unwrap) {
        match entry.file_type().unwrap() {
            kind if kind.is_dir() => files(&entry.path(), found),
            kind if kind.is_file() => found.push(entry.path()),
            _ => {}
        }
    }
}

/// The readable and writable memory of a process.
fn memory(pid: i32) -> Vec<u8> {
    let maps = std::fs::read_to_string(format!("/proc/{pid}/maps")).unwrap();
    let mut file = std::fs::File::open(format!("/proc/{pid}/mem")).unwrap();
    let mut all = Vec::new();
    for line in maps.lines().filter(|line| line.split(' ').nth(1).is_some_and(|rights| rights.starts_with("rw"))) {
        let (from, to) = line.split(' ').next().unwrap().split_once('-').unwrap();
        let number = |text| u64::from_str_radix(text, 16).unwrap();
        let mut bytes = vec![0; usize::try_from(number(to) - number(from)).unwrap()];
        if file.seek(SeekFrom::Start(number(from))).is_ok() && file.read_exact(&mut bytes).is_ok() {
            all.extend_from_slice(&bytes);
        }
    }
    all
}

#[test]
fn the_search_finds_what_is_planted() {
    let number = canary("492912345600000");
    let search = Search::new(forms(&number).into_iter().map(|(name, bytes)| (name.to_owned(), bytes)).collect());
    for (name, bytes) in forms(&number) {
        let planted = [b"before ".as_slice(), &bytes, b" after"].concat();
        assert!(search.find(&planted).contains(&name.to_owned()), "{name}");
    }
    assert_eq!(search.find(&vec![b'4'; 10_000]), Vec::<String>::new());
    assert_eq!(search.find(format!("{}…{}", &number[..6], &number[12..]).as_bytes()), Vec::<String>::new());
}

#[test]
fn nothing_leaks() {
    let house = House::new("leak").with("FLORIN_ANSWER_MS", "1500");
    let demo = house.demo();
    let numbers = [canary("492912345600000"), canary("545762389812345"), canary("37424545540012")];
    let known = ["4242424242424242", "4000000000000002", "4000039000002014", "4000039000002055", "4000039000000968"];
    let mut output = String::new();
    let data = house.data();
    let mut run = |args: &[&str], input: &str| {
        let ran = house.run(&[&["--data", data.to_str().unwrap()], args].concat(), input);
        output.push_str(&ran.out);
        output.push_str(&ran.err);
        ran
    };
    let mut ids = Vec::new();
    for (at, number) in numbers.iter().enumerate() {
        let cvc = if number.len() == 15 { "7391" } else { "739" };
        let card = ["--number", "-", "--exp", "11/39", "--cvc", cvc];
        let key = format!("key-{at}");
        let told = ["--description", DESCRIPTION, "--email", EMAIL, "--idempotency-key", &key];
        let ran = run(&[&["--json", "pay", "12.34", "eur"][..], &card, &told].concat(), number);
        assert_eq!(ran.json()["story"]["payment"]["status"], "succeeded");
        ids.push(ran.json()["id"].as_str().unwrap().to_owned());
        run(&[&["pay", "56.78", "usd", "--capture", "manual"][..], &card, &told[..4]].concat(), number);
        // Wrong in every way that a number can be wrong.
        run(&["pay", "1", "eur", "--number", "-"], &number[..number.len() - 1]);
        run(&["pay", "1", "eur", "--number", "-", "--exp", "01/20"], number);
    }
    for card in ["visa", "decline", "timeout", "partial", "system-malfunction"] {
        run(&["pay", "5", "eur", "--card", card, "--description", DESCRIPTION, "--email", EMAIL], "");
    }
    run(&["refund", &ids[0], "1"], "");
    run(&["trace", &ids[1]], "");
    run(&["list", "--json"], "");
    run(&["doctor"], "");
    run(&["network", "summary"], "");

    let mut patterns: Vec<(String, Vec<u8>)> = Vec::new();
    let named = |number: &str, (form, bytes)| (format!("{}… as {form}", &number[..6]), bytes);
    for number in &numbers {
        patterns.extend(forms(number).into_iter().map(|form| named(number, form)));
    }
    // Published numbers are mostly zeros: in the short forms other things look like them.
    for number in known {
        let long = forms(number).into_iter().filter(|(_, bytes)| bytes.len() >= number.len() - 1);
        patterns.extend(long.map(|form| named(number, form)));
    }
    patterns.extend(CODES.map(|code| ("a security code".to_owned(), code.as_bytes().to_vec())));
    let cards = Search::new(patterns.clone());
    assert_eq!(cards.find(output.as_bytes()), Vec::<String>::new(), "in what commands print");
    let pid = demo.pid("gateway");
    let gateway = memory(pid);
    assert!(gateway.len() > 1 << 20, "the gateway's memory was not read");
    assert_eq!(cards.find(&gateway), Vec::<String>::new(), "in the gateway's memory");
    for role in ["gateway", "vault", "sandbox"] {
        for file in ["cmdline", "environ"] {
            let bytes = std::fs::read(format!("/proc/{}/{file}", demo.pid(role))).unwrap();
            assert_eq!(cards.find(&bytes), Vec::<String>::new(), "{file} of the {role}");
        }
    }
    patterns.push(("the description".to_owned(), DESCRIPTION.as_bytes().to_vec()));
    patterns.push(("the e-mail address".to_owned(), EMAIL.as_bytes().to_vec()));
    let all = Search::new(patterns);
    let search_files = |when: &str| {
        let mut found = Vec::new();
        files(&data, &mut found);
        assert!(found.iter().any(|file| file.ends_with("florin.db")));
        for file in found {
            assert_eq!(all.find(&std::fs::read(&file).unwrap()), Vec::<String>::new(), "{} {when}", file.display());
        }
    };
    search_files("while running");
    let printed = demo.stop();
    assert_eq!(all.find(printed.as_bytes()), Vec::<String>::new(), "in what the demo prints");
    search_files("after the stop");
}

/// What only a person's row, an order, a note or the shop may hold.
const WRITTEN: [&str; 9] = [
    "Tosca Canary",
    "tosca.canary@example.com",
    "Engelenburcht 7",
    "1011 ZZ",
    "+31201234567",
    "a seat with a view of the canary",
    "canary-in-metadata",
    "Ada Lovelace",
    "ada@lovelace.example",
];

/// Names, addresses, texts of orders and notes of a run stand in no file: databases and their logs, backups, what was temporary.
#[test]
fn nobodys_data_is_in_any_file() {
    let house = House::new("leak-person");
    let (temporary, place) = (house.root.join("tmp"), house.root.join("backups"));
    std::fs::create_dir_all(&temporary).unwrap();
    let house = house.with("TMPDIR", temporary.to_str().unwrap());
    let demo = house.demo();
    let mut client = Api::new(&demo.ready).connect();
    let person = "name=Tosca+Canary&email=tosca.canary%40example.com&phone=%2B31201234567&address[line1]=Engelenburcht+7\
        &address[postal_code]=1011+ZZ&metadata[note]=canary-in-metadata&description=a+seat+with+a+view+of+the+canary";
    let customer = client.post("/v1/customers", person).ok().text("/id").to_owned();
    let paid = format!(
        "amount=500&currency=eur&customer={customer}&payment_method=pm_card_visa&confirm=true&metadata[note]=canary-in-metadata\
         &description=a+seat+with+a+view+of+the+canary&receipt_email=tosca.canary%40example.com&shipping[name]=Tosca+Canary\
         &shipping[address][line1]=Engelenburcht+7&automatic_payment_methods[enabled]=true&automatic_payment_methods[allow_redirects]=never"
    );
    client.post_with("/v1/payment_intents", &paid, "canary-key").ok();
    let agreed = "purpose=marketing_email&granted=true&text_version=2026-11&channel=Tosca+Canary";
    client.post(&format!("/v1/florin/customers/{customer}/consents"), agreed).ok();
    let found = client.get(&format!("/v1/florin/customers/{customer}/consents")).ok();
    assert_eq!(found.text("/data/0/channel"), "Tosca Canary");
    let mut buyer = crate::shop::Customer::of(&demo);
    let link = buyer.order("teapot");
    assert_eq!(buyer.pay(&link, "pm_card_visa").unwrap()["state"], "settled");
    let identity = house.root.join("identity");
    let made = house.florin(&["backup", "keygen", "--to", identity.to_str().unwrap()]).done();
    let (place, recipient) = (place.to_str().unwrap(), made["recipient"].as_str().unwrap());
    house.florin(&["backup", "create", "--place", place, "--recipient", recipient]).done();
    house.florin(&["keys", "rotate", "accounts"]).done();
    house.florin(&["backup", "create", "--place", place, "--recipient", recipient]).done();

    let forms = |text: &str| [text.as_bytes().to_vec(), text.encode_utf16().flat_map(u16::to_le_bytes).collect()];
    let patterns = WRITTEN.iter().flat_map(|text| forms(text).map(|bytes| ((*text).to_owned(), bytes)));
    let all = Search::new(patterns.collect());
    assert_eq!(all.find(b"by Tosca Canary."), ["Tosca Canary"]);
    let search = |when: &str| {
        let mut found = Vec::new();
        files(&house.root, &mut found);
        for needed in ["florin.db", "florin.db-wal", "shop.db", "vault.db", "requests.db"] {
            assert!(found.iter().any(|file| file.ends_with(needed)) || when != "while running", "{needed}");
        }
        assert!(found.iter().filter(|file| file.extension().is_some_and(|ext| ext == "age")).count() == 2);
        for file in found {
            assert_eq!(all.find(&std::fs::read(&file).unwrap()), Vec::<String>::new(), "{} {when}", file.display());
        }
    };
    search("while running");
    // What a person asks for is all of it; afterwards nothing of it is left.
    let told = house.florin(&["customers", "export", &customer]).done();
    for (at, text) in [
        ("/customer/name", "Tosca Canary"),
        ("/customer/address/line1", "Engelenburcht 7"),
        ("/versions/0/email", "tosca.canary@example.com"),
        ("/consents/0/purpose", "marketing_email"),
        ("/payment_intents/0/shipping/name", "Tosca Canary"),
        ("/charges/0/receipt_email", "tosca.canary@example.com"),
    ] {
        assert_eq!(told.pointer(at).and_then(serde_json::Value::as_str), Some(text), "{at}: {told:#}");
    }
    let refused = house.florin(&["customers", "erase", &customer]).refused();
    assert_eq!(refused, ("not_confirmed".to_owned(), serde_json::json!("--yes")));
    assert_eq!(house.florin(&["customers", "export", "cus_nobody"]).refused().0, "resource_missing");
    house.florin(&["customers", "erase", &customer, "--yes"]).done();
    let gone = crate::house::wait("an end of it", std::time::Duration::from_secs(30), || {
        let told = house.florin(&["customers", "export", &customer]).done();
        (!WRITTEN.iter().any(|text| told.to_string().contains(text))).then_some(told)
    });
    assert_eq!(gone["customer"]["deleted"], true);
    assert_eq!(gone["payment_intents"][0]["amount"], 500, "what was paid stays");
    drop(client);
    demo.stop();
    search("after the stop");
    house.verified();
}

#[test]
fn no_card_stays_in_memory() {
    let told = House::new("memory").run(&["--json", "prove", "memory"], "").json();
    assert_eq!((&told["proved"], &told["hits"], &told["cards"]), (&true.into(), &0.into(), &1000.into()), "{told:#}");
}

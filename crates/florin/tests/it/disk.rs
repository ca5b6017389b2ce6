//! A disk that runs full under a running system: payments are refused before anything is begun, and nothing is lost when there is room
//! again. Needs the right to mount: root's, or that of a user namespace of its own.

use crate::house::{House, wait};
use crate::web::{Answer, Api};
use std::fs::File;
use std::io::Write;
use std::os::unix::fs::DirBuilderExt;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

const SIZE: &str = "size=192m,mode=0700";
const SOON: Duration = Duration::from_secs(60);
const FORM: &str =
    "amount=700&currency=eur&confirm=true&payment_method=pm_card_visa&return_url=https://shop.example/back";

/// A small file system of its own, gone with the test.
struct Mounted<'a>(&'a Path);

impl Mounted<'_> {
    fn new(at: &Path) -> Option<Mounted<'_>> {
        std::fs::DirBuilder::new().mode(0o700).create(at).unwrap();
        let mounted = Command::new("mount").args(["-t", "tmpfs", "-o", SIZE, "tmpfs"]).arg(at).output();
        mounted.is_ok_and(|ran| ran.status.success()).then(|| Mounted(at))
    }
}

impl Drop for Mounted<'_> {
    fn drop(&mut self) {
        drop(Command::new("umount").arg("-l").arg(self.0).output());
    }
}

/// Takes every byte that is left.
fn fill(path: &Path) {
    let mut file = File::create(path).unwrap();
    let piece = vec![7u8; 64 * 1024];
    while file.write_all(&piece).is_ok() {}
    while file.write_all(&piece[..512]).is_ok() {}
}

/// Pays once; nothing when nobody answers, because a process is being started anew.
fn pay(api: &Api, key: &str) -> Option<Answer> {
    api.try_connect().ok()?.try_post_with("/v1/payment_intents", FORM, key).ok()
}

/// The status of every payment there is.
fn every_payment(api: &Api) -> Vec<String> {
    let (mut found, mut after) = (vec![], String::new());
    loop {
        let page = api.connect().get(&format!("/v1/payment_intents?limit=100{after}")).ok();
        let data = page.body["data"].as_array().unwrap();
        found.extend(data.iter().map(|one| one["status"].as_str().unwrap().to_owned()));
        match data.last() {
            Some(last) if page.body["has_more"] == true => {
                after = format!("&starting_after={}", last["id"].as_str().unwrap());
            }
            Some(_) | None => return found,
        }
    }
}

/// Set for the copy of this test that runs as the root of a user namespace.
const INSIDE: &str = "FLORIN_TEST_MOUNTS";

/// The same test where mounting is allowed. Where no such place can be made, the test fails: it was not run.
fn in_a_namespace() {
    assert!(
        std::env::var_os(INSIDE).is_none(),
        "nothing can be mounted, not even in a namespace: run the tests as root"
    );
    let mut command = Command::new("unshare");
    command.args(["--user", "--map-root-user", "--mount"]).arg(std::env::current_exe().unwrap());
    command.args(["--exact", "disk::a_full_disk_refuses_before_it_begins"]).env(INSIDE, "1");
    let ran = command.output().unwrap();
    let said = String::from_utf8_lossy(&ran.stdout);
    assert!(ran.status.success() && said.contains("1 passed"), "{said}{}", String::from_utf8_lossy(&ran.stderr));
}

#[test]
fn a_full_disk_refuses_before_it_begins() {
    let house = House::new("disk-full");
    let data = house.data();
    let Some(_mounted) = Mounted::new(&data) else { return in_a_namespace() };
    let demo = house.demo();
    let api = Api::new(&demo.ready);
    let mut paid = vec![];
    for n in 0..20 {
        paid.push(
            api.connect().post_with("/v1/payment_intents", FORM, &format!("before-{n}")).ok().text("/id").to_owned(),
        );
    }
    for round in 0..3 {
        let filler = data.join("filler");
        fill(&filler);
        let mut n = 0;
        let refused = wait("a refusal", SOON, || {
            n += 1;
            let answer = pay(&api, &format!("full-{round}-{n}"))?;
            if answer.status == 200 {
                paid.push(answer.text("/id").to_owned());
            }
            (answer.status == 503).then_some(answer)
        });
        assert!(refused.header("retry-after").is_some(), "{:?}", refused.headers);
        std::fs::remove_file(&filler).unwrap();
        let again = wait("a payment", SOON, || pay(&api, &format!("after-{round}")).filter(|a| a.status == 200));
        paid.push(again.text("/id").to_owned());
    }
    for id in &paid {
        let path = format!("/v1/payment_intents/{id}");
        let status = wait("an outcome", SOON, || {
            let status = api.connect().get(&path).ok().text("/status").to_owned();
            (status != "processing").then_some(status)
        });
        assert!(status == "succeeded" || status == "requires_payment_method", "{id}: {status}");
    }
    // Those that were cut off without an answer count too: the issuers' books know of each.
    let paid = wait("no payment under way", SOON, || {
        let all = every_payment(&api);
        (!all.iter().any(|status| status == "processing")).then(|| all.iter().filter(|s| *s == "succeeded").count())
    });
    let summary = house.florin(&["network", "summary"]).done();
    assert_eq!(summary["standing"]["eur"]["captured"], i64::try_from(paid).unwrap() * 700);
    demo.stop();
    house.verified();
}

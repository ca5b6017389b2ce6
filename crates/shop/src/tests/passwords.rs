//! Doors: ten wrong passwords close one, however many are tried at a time, and no door stands in front of another.

use super::{PASSWORD, Shop, desk};
use crate::web::{Failures, WAITING_LIMIT};

#[tokio::test]
async fn parallel_passwords_are_counted_one_by_one() {
    let shop = Shop::open().await;
    desk(&shop).await;
    let mut tries = tokio::task::JoinSet::new();
    for n in 0..60 {
        let mut thief = shop.browser();
        tries.spawn(async move { thief.post("/admin/sign-in", &format!("password=guess+number+{n}")).await });
    }
    let answers = tries.join_all().await;
    let count = |text: &str| answers.iter().filter(|a| a.has(text)).count();
    let wrong = count("That is not the password.");
    assert!((1..=10).contains(&wrong), "{wrong} were looked at");
    assert_eq!(wrong + count("Too many wrong tries.") + count("Too many people sign in"), answers.len());
    // With nine wrong ones, the tenth closes the door for the right one too.
    let failures = Failures { count: 9, last: crate::pay::now() };
    *shop.app.failures.lock().unwrap() = failures;
    let mut browser = shop.browser();
    assert!(browser.post("/admin/sign-in", "password=wrong").await.has("That is not the password."));
    let right = browser.post("/admin/sign-in", &format!("password={PASSWORD}")).await;
    assert!(right.has("Too many wrong tries.") && right.status == 422);
    *shop.app.failures.lock().unwrap() = Failures::default();
    assert_eq!(browser.post("/admin/sign-in", &format!("password={PASSWORD}")).await.location(), "/admin");
}

/// Customers who wait at their door do not stand in the way of the people of the shop.
#[tokio::test]
async fn the_back_office_has_a_door_of_its_own() {
    let shop = Shop::open().await;
    desk(&shop).await;
    let turn = shop.app.gate.turn().await.unwrap();
    let mut crowd = tokio::task::JoinSet::new();
    for _ in 1..WAITING_LIMIT {
        let app = std::sync::Arc::clone(&shop.app);
        crowd.spawn(async move { app.gate.turn().await.is_some() });
    }
    while shop.app.gate.inside() < WAITING_LIMIT {
        assert!(crowd.try_join_next().is_none(), "nobody has had a turn yet");
        tokio::task::yield_now().await;
    }
    let mut customer = shop.browser();
    let form = format!("email=ada%40lovelace.example&password={PASSWORD}");
    assert!(customer.post("/account/sign-in", &form).await.has("Too many people sign in"));
    let entered = shop.browser().post("/admin/sign-in", &format!("password={PASSWORD}")).await;
    assert_eq!(entered.location(), "/admin");
    drop(turn);
    assert!(crowd.join_all().await.into_iter().all(|had| had));
}

//! How the issuer's page looks: plain HTML and one style sheet, no script. Knows no request.

use super::transactions::Transaction;
use axum::http::header::{self, HeaderName};
use axum::response::{IntoResponse, Response};
use florin_connect::core::money::Currency;

/// The page's words in one language.
pub struct Words {
    language: &'static str,
    title: &'static str,
    lead: &'static str,
    merchant: &'static str,
    amount: &'static str,
    card: &'static str,
    complete: &'static str,
    fail: &'static str,
    unknown: &'static str,
    note: &'static str,
}

const WORDS: [Words; 3] = [
    Words {
        language: "en",
        title: "Confirm your payment",
        lead: "Your bank asks whether this payment is yours.",
        merchant: "Merchant",
        amount: "Amount",
        card: "Card",
        complete: "Complete",
        fail: "Fail",
        unknown: "This confirmation is not known, or no longer. Go back to the shop and pay again.",
        note: "Sandbox: no bank is asked and no money moves.",
    },
    Words {
        language: "ko",
        title: "결제 확인",
        lead: "본인이 요청한 결제인지 카드사에서 확인합니다.",
        merchant: "가맹점",
        amount: "금액",
        card: "카드",
        complete: "승인",
        fail: "거절",
        unknown: "알 수 없거나 만료된 확인 요청입니다. 상점으로 돌아가 다시 결제해 주세요.",
        note: "샌드박스: 실제 은행에 요청하지 않으며 돈이 이동하지 않습니다.",
    },
    Words {
        language: "zh",
        title: "确认付款",
        lead: "您的银行需要确认这笔付款是否由您本人发起。",
        merchant: "商户",
        amount: "金额",
        card: "银行卡",
        complete: "确认",
        fail: "拒绝",
        unknown: "此确认请求不存在或已失效。请返回商店重新付款。",
        note: "沙盒环境：不会联系任何银行，也不会划转资金。",
    },
];

const STYLE: &str = "\
body{font:16px/1.5 system-ui,sans-serif;margin:0;padding:1rem;color:#1a1a1a;background:#f4f5f7}
main{max-width:26rem;margin:2rem auto;padding:1.5rem;background:#fff;border-radius:8px;border:1px solid #d5d8dd}
h1{font-size:1.25rem;margin:0 0 .5rem}
dl{display:grid;grid-template-columns:auto 1fr;gap:.25rem 1rem;margin:1rem 0}
dt{color:#555}dd{margin:0;text-align:right;overflow-wrap:anywhere}
button{font:inherit;width:100%;padding:.7rem;margin:.25rem 0;border-radius:6px;border:1px solid #1d4ed8;cursor:pointer}
.yes{background:#1d4ed8;color:#fff}.no{background:#fff;color:#1d4ed8}
button:focus-visible{outline:3px solid #f59e0b;outline-offset:2px}
small{color:#555}
@media(prefers-color-scheme:dark){body{background:#16181d;color:#eee}main{background:#21242b;border-color:#3a3f4a}
dt,small{color:#b3b8c2}.no{background:#21242b;color:#9db8ff;border-color:#9db8ff}}
";

/// The language that the payment asks for (`browserLanguage`, EMV 3DS A.4) wins over those of the browser (`Accept-Language`), where
/// the page speaks it: the shop around it speaks that one.
pub fn words(payment: &str, accept: Option<&str>) -> &'static Words {
    let [english, ..] = &WORDS;
    let asked = std::iter::once(payment).chain(accept.unwrap_or("").split(','));
    let asked = asked.map(|part| part.trim().split([';', '-']).next().unwrap_or(""));
    asked.into_iter().find_map(|tag| WORDS.iter().find(|w| w.language.eq_ignore_ascii_case(tag))).unwrap_or(english)
}

/// Merchants' pages show it in frames of theirs (EMV 3DS, challenge windows).
pub fn headers() -> [(HeaderName, &'static str); 5] {
    [
        (header::CONTENT_TYPE, "text/html; charset=utf-8"),
        (
            header::CONTENT_SECURITY_POLICY,
            "default-src 'none'; style-src 'self'; base-uri 'none'; frame-ancestors http: https:",
        ),
        (header::CACHE_CONTROL, "no-store"),
        (header::REFERRER_POLICY, "no-referrer"),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    ]
}

pub async fn style() -> Response {
    ([(header::CONTENT_TYPE, "text/css; charset=utf-8")], STYLE).into_response()
}

fn page(words: &Words, inner: &str) -> String {
    format!(
        "<!doctype html>\n<html lang=\"{}\"><head><meta charset=\"utf-8\"><title>{title}</title>\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\"><link rel=\"stylesheet\" href=\"/acs.css\">\
         </head><body><main><h1>{title}</h1>{inner}<p><small>{}</small></p></main></body></html>\n",
        words.language,
        words.note,
        title = words.title,
    )
}

pub fn unknown(words: &Words) -> String {
    page(words, &format!("<p>{}</p>", words.unknown))
}

pub fn question(words: &Words, of: &Transaction) -> String {
    let inner = format!(
        "<p>{lead}</p><dl><dt>{m}</dt><dd>{merchant}</dd><dt>{a}</dt><dd>{amount}</dd><dt>{c}</dt><dd>•••• {last4}</dd></dl>\
         <form method=\"post\" action=\"/challenge\"><input type=\"hidden\" name=\"acs\" value=\"{acs}\">\
         <button class=\"yes\" name=\"answer\" value=\"complete\">{yes}</button>\
         <button class=\"no\" name=\"answer\" value=\"fail\">{no}</button></form>",
        lead = words.lead,
        m = words.merchant,
        merchant = escaped(&of.merchant),
        a = words.amount,
        amount = amount(of),
        c = words.card,
        last4 = escaped(&of.last4),
        acs = of.acs.text(),
        yes = words.complete,
        no = words.fail,
    );
    page(words, &inner)
}

/// `19.99 EUR`.
fn amount(of: &Transaction) -> String {
    let unit = 10i64.checked_pow(u32::from(of.exponent.min(4))).unwrap_or(1);
    let code = Currency::from_numeric(of.currency).map_or(String::new(), |c| c.code().to_uppercase());
    let digits = usize::from(of.exponent.min(4));
    match digits {
        0 => format!("{} {code}", of.amount),
        _ => format!("{}.{:0digits$} {code}", of.amount / unit, of.amount % unit),
    }
}

fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            c => out.push(c),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn languages() {
        #[track_caller]
        fn check(payment: &str, accept: Option<&str>, expected: &str) {
            assert_eq!(words(payment, accept).language, expected, "{payment} {accept:?}");
        }
        check("", None, "en");
        check("", Some("de, ko-KR;q=0.8, en;q=0.5"), "ko");
        check("", Some("zh-Hant-TW"), "zh");
        check("", Some("fr"), "en");
        check("", Some(",;-"), "en");
        check("ko", Some("en-US, zh;q=0.5"), "ko");
        check("zh-CN", None, "zh");
        check("de", Some("fr, ko"), "ko");
        check("de", Some("fr"), "en");
    }

    #[test]
    fn texts_cannot_become_markup() {
        assert_eq!(escaped("<a href='x'>\"&"), "&lt;a href=&#39;x&#39;&gt;&quot;&amp;");
    }
}

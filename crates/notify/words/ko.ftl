footer = 이 메시지는 Florin 결제 게이트웨이가 보냈습니다. 회신하지 마세요.

code-subject = 인증 코드
code-body =
    로그인 코드는 다음과 같습니다.

        { $code }

    한 번만, { $minutes }분 동안 쓸 수 있습니다. 담당자는 이 코드를 절대 묻지 않습니다. 지금 로그인하는 중이 아니라면 누군가 비밀번호를 알고 있는 것이니 바로 바꾸세요.
code-sms = Florin 코드 { $code } ({ $minutes }분). 누구에게도 알려 주지 마세요.

new-device-subject = 새 기기에서 로그인했습니다
new-device-body =
    처음 보는 기기에서 회원님의 계정으로 로그인했습니다.

        { $device }
        주소 { $address }
        시각 { $at } (UTC)

    본인이라면 그대로 두시면 됩니다. 아니라면 세션 페이지에서 그 세션을 끝내고, 비밀번호를 바꾸고, 팀의 소유자에게 알리세요.
new-device-sms = Florin: 새 기기에서 로그인 { $at }. 본인이 아니면 소유자에게 알리세요.

invitation-subject = 팀에 초대되었습니다
invitation-body =
    { $by } 님이 Florin 결제 게이트웨이 팀에 초대했습니다. 아래 링크를 열어 비밀번호와 두 번째 인증 수단을 정하세요.

    { $link }

    한 번만, { $hours }시간 동안 열 수 있습니다. 예상하지 못한 초대라면 아무것도 하지 마세요.

factors-changed-subject = 로그인 방법이 바뀌었습니다
factors-changed-body =
    { $at } (UTC)에 계정의 로그인 방법이 바뀌었습니다: { $what ->
        [passkey] 패스키
        [totp] 인증 앱
        [phone] 전화번호
        [password] 비밀번호
        [recovery_codes] 복구 코드
       *[other] 두 번째 인증 수단
    }.

    본인이 아니라면 바로 팀의 소유자에게 알리세요.

recovery-code-used-subject = 복구 코드가 쓰였습니다
recovery-code-used-body =
    { $at } (UTC)에 복구 코드 하나가 쓰였습니다. { $left }개 남았습니다.

    본인이 아니라면 바로 비밀번호를 바꾸고 새 코드를 만드세요.

checkpoint-subject = 감사 기록의 체크포인트
checkpoint-body =
    서명된 감사 기록 체크포인트입니다. 이 메일을 보관하세요. `florin audit verify --checkpoints FILE` 명령으로 기록과 비교합니다.

    { $note }

test-subject = Florin 시험 메시지
test-body = 이 글이 보이면 메일이 작동합니다.
test-sms = Florin: 시험 메시지입니다.

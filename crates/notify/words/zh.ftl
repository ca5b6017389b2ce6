footer = 此消息由 Florin 支付网关发送,请勿回复。

code-subject = 您的验证码
code-body =
    您的登录验证码是

        { $code }

    只能使用一次,{ $minutes } 分钟内有效。团队中不会有人向您索要它。如果您现在没有登录,说明有人知道您的密码,请立即修改。
code-sms = Florin 验证码 { $code },{ $minutes } 分钟内有效。请勿告诉任何人。

new-device-subject = 您在新设备上登录
new-device-body =
    有人在一台从未见过的设备上用您的账户登录:

        { $device }
        地址 { $address }
        时间 { $at }(UTC)

    如果是您本人,无需处理。否则请在会话页面结束该会话,修改密码,并告知团队的所有者。
new-device-sms = Florin:{ $at } 在新设备上登录。不是您本人?请告知所有者。

invitation-subject = 您被邀请加入团队
invitation-body =
    { $by } 邀请您加入 Florin 支付网关的团队。请打开此链接,设置密码和第二验证方式:

    { $link }

    链接只能使用一次,{ $hours } 小时内有效。如果您没有预料到此邀请,请忽略。

factors-changed-subject = 您的登录方式已更改
factors-changed-body =
    您账户的登录方式于 { $at }(UTC)更改:{ $what ->
        [passkey] 通行密钥
        [totp] 验证器应用
        [phone] 电话号码
        [password] 密码
        [recovery_codes] 恢复码
       *[other] 第二验证方式
    }。

    如果不是您本人,请立即告知团队的所有者。

recovery-code-used-subject = 恢复码已被使用
recovery-code-used-body =
    您的一个恢复码于 { $at }(UTC)被使用,还剩 { $left } 个。

    如果不是您本人,请立即修改密码并生成新的恢复码。

checkpoint-subject = 审计日志检查点
checkpoint-body =
    已签名的审计日志检查点。请保留此邮件:`florin audit verify --checkpoints FILE` 会将日志与其比较。

    { $note }

test-subject = Florin 测试消息
test-body = 如果您能看到这段文字,说明邮件可以使用。
test-sms = Florin:测试消息。

footer = This message was sent by a Florin payment gateway. Do not answer it.

code-subject = Your code
code-body =
    Your code for signing in is

        { $code }

    It works once and for { $minutes } minutes. Nobody of the team will ever ask you for it. If you are not signing in now, somebody knows your password: change it.
code-sms = { $code } is your Florin code, for { $minutes } minutes. Give it to nobody.

new-device-subject = You signed in on a new device
new-device-body =
    Somebody signed in with your account on a device that we had not seen before:

        { $device }
        from { $address }
        at { $at } (UTC)

    If that was you, all is well. If not, end that session on the page of your sessions, change your password, and tell an owner of your team.
new-device-sms = Florin: sign-in on a new device at { $at }. Not you? Tell an owner now.

invitation-subject = You are invited to a team
invitation-body =
    { $by } invites you to work with a Florin payment gateway. Open this link to choose a password and a second factor:

    { $link }

    It works once and for { $hours } hours. If you did not expect this, do nothing.

factors-changed-subject = How you sign in was changed
factors-changed-body =
    What your account is signed in with was changed at { $at } (UTC): { $what ->
        [passkey] a passkey
        [totp] the authenticator app
        [phone] the phone number
        [password] the password
        [recovery_codes] the recovery codes
       *[other] a second factor
    }.

    If that was not you, tell an owner of your team at once.

recovery-code-used-subject = A recovery code was used
recovery-code-used-body =
    One of your recovery codes was used at { $at } (UTC). { $left } are left.

    If that was not you, change your password and make new codes at once.

checkpoint-subject = Checkpoint of the audit log
checkpoint-body =
    A signed checkpoint of the audit log. Keep this mail: `florin audit verify --checkpoints FILE` compares the log with it.

    { $note }

test-subject = A test message from Florin
test-body = If you can read this, mail works.
test-sms = Florin: a test message. SMS work.

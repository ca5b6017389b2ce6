# Around the pages of whoever is signed in.
band-live = Live mode: real money
menu-person = Menu of
menu-account = Account
menu-switch = Show this account
sign-in = Sign in
sign-out = Sign out
nav = Pages
nav-open = Menu
nav-start = Start
nav-team = Team
nav-approvals = Approvals
nav-audit = Audit log
nav-security = Security
nav-sessions = Sessions
nav-says-team = Who works here and what each may do.
nav-says-approvals = What needs a second person.
nav-says-audit = Everything that people did, in a chain that shows any change.
nav-says-security = Your passkeys, app, recovery codes and password.
nav-says-sessions = Where you are signed in.
crumbs = Where you are
back = Back
or = or
remove = Remove
rename = Rename
approve = Approve
refuse = Refuse

# Roles.
role-owner = Owner
role-admin = Admin
role-developer = Developer
role-support = Support
role-analyst = Analyst
role-auditor = Auditor
role-says-owner = May do everything, also change the payout account and other owners.
role-says-admin = Runs the team, settings and keys, but no payout account.
role-says-developer = Works with keys, webhooks and logs; moves no money.
role-says-support = Looks up payments and refunds up to a limit.
role-says-analyst = Sees figures and reports; changes nothing.
role-says-auditor = Sees everything, also the audit log; changes nothing.

# Fields.
input-email = E-mail
input-password = Password
input-new-password = New password
input-old-password = Password until now
input-name = Name
input-code = Code
input-label = Name of the passkey
input-phone = Phone number
input-role = Role
input-limit = Largest refund without a second person
input-currency = Currency
input-group = What
input-actor = Who
input-from = From
input-until = Until
hint-email-enrol = You sign in with it, and it is told of new devices.
hint-email-invite = The invitation goes there. It opens for one day.
hint-new-password = 15 characters or more. A sentence is good; so is what a password manager makes.
hint-code-totp = The six digits that your app shows now.
hint-code-new = The six digits that the app shows for Florin.
hint-code-sms = The six digits that were sent to { $phone }. They hold for five minutes.
hint-code-recovery = One of the ten that you kept. Each opens once.
hint-label = So that you know it again, for example “Work laptop”.
hint-phone = With the country’s number in front, for example +49 151 23456789.
hint-limit = For support alone, for example 100.00.
password-show = Show
password-more = # more to go
password-enough = Long enough.
fault-before = Please check:
fault-summary = Nothing was done yet. Please check:
fault-email-missing = Enter an e-mail address.
fault-email = This is no e-mail address.
fault-email-taken = Somebody here has this address already.
fault-name-missing = Enter a name.
fault-name = Enter a name of at most 100 characters.
fault-password-missing = Enter the password.
fault-password-short = Use 15 characters or more.
fault-password-long = Use at most 256 characters.
fault-password-common = This password is on lists of common ones. Choose another.
fault-password-context = This password is made of your name, your address or the shop’s name. Choose another.
fault-password-old = This is not the password until now.
fault-code-missing = Enter the code.
fault-code = This code does not fit. Look for the one that is shown now.
fault-label-missing = Enter a name for it.
fault-label = Use at most 100 characters.
fault-phone = Enter a phone number with + and the country’s number in front.
fault-role = Choose a role.
fault-limit = Enter an amount such as 100.00.
fault-date = Enter a date such as 2026-11-22.

# Signing in.
sign-in-title = Sign in
sign-in-submit = Sign in with password
passkey-sign-in = Sign in with a passkey
passkey-prove = Use a passkey
passkey-confirm = Confirm with a passkey
passkey-make = Make a passkey
passkey-failed = That did not work. Try again, or choose another way.
passkey-dismissed = Nothing was confirmed. Try again, or choose another way.
passkey-known = This device has a passkey of yours already.
passkey-none = Passkeys need JavaScript and a browser that knows them.
step-second = Step 2 of 2
second-title = Second factor
second-submit = Sign in
second-passkey = Your device asks for your fingerprint, face or PIN.
second-totp = Open your authenticator app.
second-sms = A code to your phone is the weakest way: prefer another if you have one.
second-recovery = Use a recovery code if nothing else is at hand. You are told of it by mail.
second-send = Send a code to { $phone }
second-use-passkey = Use a passkey instead
second-use-totp = Use the authenticator app instead
second-use-sms = Send a code to my phone instead (weakest)
second-use-recovery = Use a recovery code instead
refused-wrong = That does not fit. Check what you typed and try again.
refused-locked-seconds = { $n ->
    [one] Too many tries. Wait one second, then try again.
   *[other] Too many tries. Wait { $n } seconds, then try again.
 }
refused-locked-minutes = { $n ->
    [one] Too many tries. Wait one minute, then try again. A passkey works at once.
   *[other] Too many tries. Wait { $n } minutes, then try again. A passkey works at once.
 }
refused-no-phone = Codes by phone are not used here, or not for your role.
refused-last-factor = This is your last way to sign in. Add another one first.
refused-last-owner = There must be an owner. Make somebody else one first.
refused-oneself = You cannot do this for yourself. Ask a colleague.
refused-too-many = There are as many as there may be. Remove one first.
refused-cloned = This passkey was copied: its counter went back. It opens nothing any more. Use another way, then remove it.
refused-busy = Many people are signing in at the moment. Try again in a second.

# Enrolling.
step-enrol-1 = Step 1 of 3
step-enrol-2 = Step 2 of 3
step-enrol-3 = Step 3 of 3
enrol-title = Welcome to Florin
enrol-submit = Continue
enrol-lead-first = You are the first owner of this installation. There is no default password: choose yours.
enrol-lead-invited = You were invited. Choose a password; a second factor comes next.
enrol-factor-title = Your second factor
enrol-factor-submit = Continue
enrol-factor-lead = A password alone opens nothing here. A passkey is the safest way and the quickest: nobody can ask you for it by a false page.
enrol-factor-passkey = Your device, your phone or a security key keeps it.
enrol-factor-totp = Use an authenticator app instead
totp-title = Authenticator app
totp-submit = Confirm
totp-lead = Scan the picture with your app, then type the code that it shows.
totp-qr = QR code with the key below
totp-key = Or type this key into the app
totp-here = Open the app on this device
codes-title = Your recovery codes
codes-says = If your devices are lost, each of these opens your account once, together with your password. Keep them where you keep important papers.
codes-once = They are shown this once. Nobody can read them again, we neither.
codes-copy = Copy
codes-copied = Copied.
codes-print = Print
codes-kept = I keep them in a safe place
codes-go = Continue
codes-new-title = New recovery codes
codes-new-submit = Make ten new codes
codes-new-lead = Ten new codes are made, and the ones until now open nothing any more.

# The first page.
start-hello = Hello, { $name }
start-steps = To set up
start-done = done
start-open = open
start-do = Do it
start-waiting = { $n ->
    [one] One request waits for a second person.
   *[other] { $n } requests wait for a second person.
 }
task-passkey = Add a passkey
task-passkey-says = Sign in with a touch, and no false page can ask you for it.
task-codes = Keep recovery codes
task-codes-says = Fewer than four are left, or none were made yet.
task-second = Invite a second person
task-second-says = What moves the most needs two people. Alone, you cannot approve.
task-payment = Take a test payment
task-payment-says = Pay in the demo shop with 4242 4242 4242 4242, or by the API with a test key.

# Confirming.
confirm-title = Confirm that it is you
confirm-submit = Confirm
confirm-lead = What comes next needs a fresh proof. It holds for five minutes.
confirm-none = You have neither passkey nor authenticator app. Sign in again and add one.

# Security.
security-lead = How you get in, and how you get back in.
security-passkeys = Passkeys
security-passkeys-says = Two factors in one: your device, and your fingerprint, face or PIN.
security-passkey-add = Add a passkey
security-none = None yet.
security-totp = Authenticator app
security-totp-says = Six digits that change every half minute. Each works once.
security-totp-add = Set up
security-totp-new = Replace
security-phone = Phone
security-phone-says = Codes by SMS can be intercepted. They never confirm what is dangerous.
security-phone-add = Add a number
security-phone-change = Change
security-phone-check = Enter the code
security-phone-open = not checked yet
security-codes = Recovery codes
security-codes-says = For the day on which your devices are lost.
security-codes-new = Make new codes
security-password = Password
security-password-says = At least 15 characters.
security-password-change = Change
strength-best = strongest
strength-good = good
strength-weak = weakest
passkey-added = Added { $at }
passkey-used = last used { $at }
passkey-unnamed = Passkey
totp-since = Set up { $at }
password-since = Last changed { $at }
codes-left = { $n ->
    [one] one left
   *[other] { $n } left
 }
passkey-title = Add a passkey
passkey-submit = Add
passkey-lead = Your device asks for your fingerprint, face or PIN, and keeps the passkey.
rename-title = Rename the passkey
rename-submit = Save
remove-title = Remove this passkey?
remove-submit = Remove
remove-lead = It opens nothing here any more. Remove it from your device as well.
phone-title = Phone number
phone-submit = Send a code
phone-lead = A code is sent to it. It is the weakest of all factors.
phone-code-title = Check the number
phone-code-submit = Confirm
password-title = Change the password
password-submit = Change
password-lead = All your other sessions end.

# Sessions.
sessions-lead = Each ends after 15 minutes without use, and after 12 hours in any case.
session-here = this one
session-seen = last used { $time } ago
session-began = since
session-end = End
sessions-end = End all others

# The team.
team-lead = Who works with this account.
team-invite = Invite somebody
team-you = you
team-seen = last here
team-role = Change role
team-limit = refunds up to { $amount }
team-roles = What each role may do
team-act-disable = Shut out
team-act-enable = Let in again
team-act-withdraw = Take back
member-active = active
member-invited = invited
member-disabled = shut out
invite-title = Invite somebody
invite-submit = Invite
invite-lead = They choose their own password and second factor.
role-title = Change the role
role-submit = Change
disable-title = Shut this person out?
disable-submit = Shut out
disable-lead = All their sessions end at once. What they did stays in the audit log.
enable-title = Let this person in again?
enable-submit = Let in
enable-lead = They sign in as before, with the factors that they had.
withdraw-title = Take the invitation back?
withdraw-submit = Take back
withdraw-lead = Its link opens nothing any more.
link-title = Hand this link over
link-says = No mail can be sent from here. Give this link to { $email } yourself, by a way that nobody else reads.
link-once = It is shown this once, opens once, and for one day.

# Approvals.
approvals-lead = What moves the most is done only when a second person agrees, with a fresh factor.
approvals-none = Nothing waits.
approvals-yours = You asked for this, so somebody else decides.
approvals-closed = Decided
approval-left = ends in { $time }
approval-waiting = waits
approval-approved = approved
approval-refused = refused
approval-expired = expired
approve-payout = Change the payout account
approve-kek = Rotate the key-encryption key
approve-refund = Refund over the limit
approve-key = Make a live key
approve-reset = Reset somebody’s factors
approve-other = Another dangerous act

# Facts.
fact-email = E-mail
fact-name = Name
fact-role = Role
fact-account = Account
fact-by = Asked by
fact-expires = Opens until
fact-asked = Asked
fact-passkey = Passkey
fact-added = Added
fact-amount = Amount
fact-payment = Payment
fact-details = Details

# The audit log.
audit-lead = Every sign-in, change and look at sealed data. Entries cannot be altered or left out without it being seen.
audit-sound = Checked { $at } UTC: { $entries } entries, none missing, none altered.
audit-checkpoint = Last signed checkpoint: { $at } UTC.
audit-broken = Entry { $number } does not fit the chain: it was altered, or one before it is missing. Compare with the signed checkpoints now.
audit-not-yet = Not checked yet since the start.
audit-any = Everything
audit-filter = Show
audit-clear = Show all
audit-none = No entry fits.
audit-number = No.
audit-at = When (UTC)
audit-what = What
audit-actor = Who
audit-subject = To what
audit-address = From
audit-leaf = Leaf
audit-link = Chain up to here
audit-refused = refused
audit-pages = Pages of the log
audit-newest = Newest
audit-older = Older
entry-title = Entry { $number }
proof-title = Proof
proof-says = A file that shows, without this installation, that this entry is in the log that a checkpoint signed.
proof-get = Download the proof

# What was just done.
done-passkey-added = The passkey was added.
done-passkey-renamed = The passkey has its new name.
done-passkey-removed = The passkey was removed.
done-totp-set = The app was set up. The one before works no more.
done-phone-sent = A code was sent.
done-phone-set = The phone number was checked.
done-phone-removed = The phone number was removed.
done-codes-kept = New recovery codes were made.
done-password-changed = The password was changed, and your other sessions have ended.
done-session-ended = The session has ended.
done-sessions-ended = All other sessions have ended.
done-invited = The invitation is on its way.
done-withdrawn = The invitation was taken back.
done-role-changed = The role was changed.
done-disabled = The person was shut out, and their sessions have ended.
done-enabled = The person may sign in again.
done-approved = Approved.
done-refused = Refused. Nothing was done.
done-waits = It waits for a second person now. Nothing was done yet.
done-switched = You look at another account now.
done-welcome = Welcome.
done-code-sent = A code was sent.

# Pages that say no.
no-enter = Sign in
no-origin-title = This form was not sent from here
no-origin = Your browser says that another site sent it, or says nothing about it. Nothing was done. Open the page here and send it again.
no-signed-out-title = You are signed out
no-signed-out = The session ended: after 15 minutes without use, after 12 hours, or because somebody ended it. Nothing was done.
no-over-title = This is over
no-over = The link or the sign-in was good once and took too long. Nothing was done. Sign in, or ask for a new invitation.
no-used-title = This was used already
no-used = It works once, and nothing happened a second time. If that was not you, change your password and end your sessions.
no-unknown-title = This does not open anything
no-unknown = It was not made by this installation, it was taken back, or a part of it was lost on the way.
no-stale-title = Somebody was faster
no-stale = What you saw has changed meanwhile. Nothing was done. Go back, look again, and decide anew.
no-wrong-title = That did not fit
no-wrong = Nothing was done. Go back and try again.
no-house-title = That cannot be done at the moment
no-house = The database or the audit log does not answer, and nothing is done that cannot be written down. Payments are not lost by this. Try again in a moment.
no-role-title = Your role may not do this
no-role = Ask somebody with one of these roles:
no-rule-title = That is not possible
no-locked-title = Too many tries

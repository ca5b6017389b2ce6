-- Version 2: a refund is over when the gateway says so, and each line knows whether its goods are still set aside.
-- Counts what was heard of an order's refunds and is not read yet.
ALTER TABLE orders ADD COLUMN stirred INTEGER NOT NULL DEFAULT 0;
CREATE INDEX orders_stirred ON orders (stirred) WHERE stirred > 0;

ALTER TABLE item ADD COLUMN held INTEGER NOT NULL DEFAULT 0;
UPDATE item SET held = 1 WHERE order_id IN (SELECT id FROM orders WHERE stage IN ('placed', 'paying', 'paid'));

CREATE UNIQUE INDEX refunds_by_id ON refund (refund) WHERE refund IS NOT NULL;
-- Version 1 took a refund for done when it was asked for: they are read again.
UPDATE orders SET stirred = 1 WHERE id IN (SELECT order_id FROM refund WHERE state = 'done');
UPDATE refund SET state = 'asked' WHERE state = 'done' AND refund IS NOT NULL;

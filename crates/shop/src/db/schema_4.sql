-- Version 4: which refund a wish was granted with, so that no other one that fails opens it again. Of wishes that were granted before, it is
-- the last: granting gave all back that was left.
ALTER TABLE wish ADD COLUMN refund INTEGER;
UPDATE wish SET refund = (SELECT MAX(n) FROM refund WHERE refund.order_id = wish.order_id) WHERE state = 'granted';

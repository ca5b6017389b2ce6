-- Version 5: the code that an order was signed with for its payment.
ALTER TABLE orders ADD COLUMN code TEXT;

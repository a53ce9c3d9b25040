-- Lots whose dates are extended by what their member does.

ALTER TABLE lot ADD COLUMN sliding boolean NOT NULL DEFAULT false;

-- Lots that are gone at their date unless an event comes before; then they have another.

ALTER TABLE lot
    ADD COLUMN awaits   text,
    ADD COLUMN promised timestamptz;

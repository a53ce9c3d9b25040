-- When members enrolled, where that is known: what points end on the anniversary of.

CREATE TABLE enrolment (
    account     text PRIMARY KEY,
    enrolled_on date NOT NULL -- in the program's zone
);

"""What intake writes on `loyalty.activity.v1`: an upstream event in normal form, with its account.

Normal form: validated, unknown fields left out, lines of purchases as texts. Written by intake,
read by earn, tiers and referrals.
"""

from shared.events.base import AccountKey, Contract
from shared.events.bought import Bought
from shared.events.upstream import Activity, CustomAction, Referral, Return, Review, Void


class ActivityRecorded(Contract):
    """An upstream event that belongs to an account."""

    account: AccountKey
    activity: Activity


class PurchaseRecorded(ActivityRecorded):
    """A purchase of this account."""

    activity: Bought


class ReturnRecorded(ActivityRecorded):
    """A return of this account."""

    activity: Return


class VoidRecorded(ActivityRecorded):
    """A void of a receipt of this account."""

    activity: Void


class ReviewRecorded(ActivityRecorded):
    """A review of this account."""

    activity: Review


class ReferralRecorded(ActivityRecorded):
    """A referral of this account."""

    activity: Referral


class CustomActionRecorded(ActivityRecorded):
    """A custom action of this account."""

    activity: CustomAction

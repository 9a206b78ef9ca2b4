//! Mutations of bookings.

use async_graphql::{Context, Object};

use super::input::{
    AddBookingGuestsInput, ApproveBookingInput, CancelBookingInput, CreateBookingInput,
    RecordPaymentInput, RejectBookingInput, RescheduleBookingInput,
};
use super::object::Booking;
use crate::domain::{self, booking};
use crate::graphql::context::{app, caller};
use crate::graphql::error::Result;
use crate::graphql::id::Kind;
use crate::graphql::payload::payload;

payload!(CreateBookingPayload, "Result of createBooking.", booking: Booking, "The booking.");
payload!(RescheduleBookingPayload, "Result of rescheduleBooking.", booking: Booking, "The booking at its new time.");
payload!(CancelBookingPayload, "Result of cancelBooking.", booking: Booking, "The cancelled booking.");
payload!(AddBookingGuestsPayload, "Result of addBookingGuests.", booking: Booking, "The booking with its guests.");
payload!(ApproveBookingPayload, "Result of approveBooking.", booking: Booking, "The booking.");
payload!(RecordPaymentPayload, "Result of recordPayment.", booking: Booking, "The confirmed booking.");
payload!(RejectBookingPayload, "Result of rejectBooking.", booking: Booking, "The rejected booking.");

/// Mutations of bookings.
#[derive(Default)]
pub struct BookingMutation;

#[Object]
impl BookingMutation {
    /// Book a slot for the caller. The booking comes back CONFIRMED, or PAYMENT_PENDING when it costs something, or SCHEDULED while the
    /// coach's approval is missing; bookingEvents tells every further step.
    async fn create_booking(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "What to book.")] input: CreateBookingInput,
    ) -> Result<CreateBookingPayload> {
        let done = async {
            let (key, create) = input.read()?;
            booking::create(app(ctx), caller(ctx), &key, create).await
        };
        CreateBookingPayload::new(done.await, Booking::new)
    }

    /// Move a booking to another slot. It stays the same booking. When it already starts then, it comes back unchanged and no move is
    /// counted.
    async fn reschedule_booking(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "What to move, and where to.")] input: RescheduleBookingInput,
    ) -> Result<RescheduleBookingPayload> {
        let done = async {
            let (key, reschedule) = input.read()?;
            booking::reschedule(app(ctx), caller(ctx), &key, reschedule).await
        };
        RescheduleBookingPayload::new(done.await, Booking::new)
    }

    /// Invite others to a booking that is still to come. Safe to send again. A guest cannot be taken back.
    async fn add_booking_guests(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The booking, and whom to invite.")] input: AddBookingGuestsInput,
    ) -> Result<AddBookingGuestsPayload> {
        let done = async {
            let id = Kind::Booking.key("bookingId", &input.booking_id)?;
            let guests = input.guests.into_iter().map(|guest| guest.0).collect();
            booking::add_guests(app(ctx), caller(ctx), id, guests).await
        };
        AddBookingGuestsPayload::new(done.await, Booking::new)
    }

    /// Cancel a booking. What is given back is in its cancellationQuote beforehand.
    async fn cancel_booking(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "What to cancel.")] input: CancelBookingInput,
    ) -> Result<CancelBookingPayload> {
        let done = async {
            let (key, cancel) = input.read()?;
            booking::cancel(app(ctx), caller(ctx), &key, cancel).await
        };
        CancelBookingPayload::new(done.await, Booking::new)
    }

    /// Agree to a booking that waits for the coach.
    async fn approve_booking(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Which booking.")] input: ApproveBookingInput,
    ) -> Result<ApproveBookingPayload> {
        let done: domain::Result<_> = async {
            let id = Kind::Booking.key("bookingId", &input.booking_id)?;
            booking::approve(app(ctx), caller(ctx), id).await
        }
        .await;
        ApproveBookingPayload::new(done, Booking::new)
    }

    /// Record that a booking was paid outside of any payment provider, for example in cash: it is confirmed.
    async fn record_payment(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Which booking.")] input: RecordPaymentInput,
    ) -> Result<RecordPaymentPayload> {
        let done: domain::Result<_> = async {
            let id = Kind::Booking.key("bookingId", &input.booking_id)?;
            booking::record_payment(app(ctx), caller(ctx), id).await
        }
        .await;
        RecordPaymentPayload::new(done, Booking::new)
    }

    /// Say no to a booking that waits for the coach.
    async fn reject_booking(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Which booking, and why.")] input: RejectBookingInput,
    ) -> Result<RejectBookingPayload> {
        let done: domain::Result<_> = async {
            let id = Kind::Booking.key("bookingId", &input.booking_id)?;
            booking::reject(app(ctx), caller(ctx), id, input.reason).await
        }
        .await;
        RejectBookingPayload::new(done, Booking::new)
    }
}

#pragma once
// What becomes of a sampled token, and what a sequence tells its sink: queue position, prefill
// progress, text, the end. Engine thread only.

#include "engine/runtime/sequence.h"

namespace engine {

/// Sends unless the sink has gone; remembers when it goes.
void send(Sequence& sequence, TokenEvent event);

/// `estimate_us`: until it joins; -1 = not known.
void sendQueued(Sequence& sequence, std::uint32_t position, std::int64_t estimate_us);
void sendPrefill(Sequence& sequence);
/// What an overflow policy left out: `tokens` by this cut. Before the first token: the prompt's.
void sendDropped(Sequence& sequence, std::uint32_t tokens);

/// Takes what the device sampled: appends and sends it, forces the end of the reasoning where
/// asked. Says why the sequence is to end now, or None.
FinishReason acceptToken(Sequence& sequence, const RowResult& result, TimePoint now);

/// The held-back rest of the text, then the one Finished event.
void sendFinished(Sequence& sequence, FinishReason reason, Status status);

} // namespace engine

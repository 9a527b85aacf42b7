#pragma once
// The part of inglenook_attention_check that looks at what stands before attention of many rows.

namespace tests {

/// Queries and what the cache keeps, of many rows at once against few: how many cases failed.
int checkFinish();
/// 2048 rows of llama-8b.
void timeFinishedRows();

} // namespace tests

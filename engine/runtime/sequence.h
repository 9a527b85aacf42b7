#pragma once
// Sequence: one request while the engine has it: its tokens, its pages, its slot, and the text it
// has become. Made on the caller's thread by submit(), then owned by the engine thread alone.
//
// tokens[0, computed) have their KV in the pages, or will have when the steps in flight are done;
// tokens[computed, end) are the next rows. Prefill, decode, forced tokens and recomputation after a
// preemption are all "run the rest". A device that runs ahead has sampled `unseen` tokens behind
// them that nobody has read yet; the next row may go on from there.

#include "engine/device/batch.h"
#include "engine/runtime/admission.h"
#include "engine/runtime/model_info.h"
#include "engine/runtime/prefix_cache.h"
#include "engine/runtime/prompt.h"
#include "engine/runtime/request.h"
#include "engine/runtime/service_order.h"
#include "engine/runtime/time_source.h"
#include "engine/text/reasoning_parser.h"
#include "engine/text/stream_decoder.h"

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

namespace engine {

/// Chunks of a reproducible request: their borders depend on nothing but its own tokens.
constexpr std::uint32_t kReproducibleChunkRows = 128;

struct Sequence : std::enable_shared_from_this<Sequence> {
    Sequence(RequestId requestId, std::shared_ptr<const ModelInfo> modelInfo, Request asked,
             std::shared_ptr<TokenSink> to, Prompt prompt)
        : id(requestId),
          model(std::move(modelInfo)),
          request(std::move(asked)),
          sink(std::move(to)),
          tokens(std::move(prompt.tokens)),
          promptTokens(static_cast<std::uint32_t>(tokens.size())),
          decoder(model->tokenizer, request.stopStrings, prompt.continuesText),
          parser(prompt.insideReasoning) {
        timings.promptTokens = promptTokens;
        chunkedTokens = promptTokens;
        const std::uint32_t limit = model->context;
        const std::uint32_t most =
            request.maxTokens == 0 || request.maxTokens > limit - promptTokens
                ? limit
                : promptTokens + request.maxTokens;
        tokens.reserve(most); // nothing grows in the middle of a step
        pages.reserve(pagesFor(most) + 1);
        hashes.reserve(pagesFor(most));
    }

    RequestId id = 0;
    std::shared_ptr<const ModelInfo> model;
    Request request;
    std::shared_ptr<TokenSink> sink;

    std::vector<TokenId> tokens; // prompt, then what was generated
    std::uint32_t promptTokens = 0;
    std::uint32_t computed = 0; // tokens whose KV is in the pages
    std::uint32_t unseen = 0;   // tokens that steps in flight sample
    std::uint32_t turn = 0;     // of its tokens: rows of an older turn in flight sample for nobody
    std::vector<PageId> pages;
    SlotId slot = kNoSlot;

    PrefixRoot root;              // id 0 = not known yet
    std::vector<PageHash> hashes; // of the full pages of tokens, as far as they were needed
    std::uint32_t keptPages = 0;  // the first so many pages are in the prefix cache
    /// Pages in host memory since it gave way: [firstSavedPage ...), of savedTokens tokens.
    std::vector<std::vector<std::byte>> savedPages;
    std::uint32_t firstSavedPage = 0;
    std::uint32_t savedTokens = 0;

    std::uint32_t firstDroppedMessage = 0; // with timings.droppedMessages
    std::uint32_t headTokens = 0;          // at the beginning, that no overflow policy drops
    std::vector<ChatMessage> messages; // kept when its answer is to be computed ahead, see prewarm
    std::string answer;                // its text without reasoning, kept for the same

    /// Reproducible: tokens that are computed in chunks, also when they are computed again; the
    /// ones behind come one by one.
    std::uint32_t chunkedTokens = 0;

    StreamDecoder decoder;
    ReasoningParser parser;
    std::vector<TokenId> closeReasoning; // what "</think>" is for this model

    bool joinedOnce = false;
    bool cancelled = false;
    bool sinkGone = false;                   // push() said false: nothing but Finished is sent
    bool endReasoning = false;               // "Answer now"
    bool finished = false;                   // to be dropped
    std::uint32_t toldPosition = UINT32_MAX; // queue position and estimate the sink knows
    std::int64_t toldEstimate_us = -1;

    AdmissionTicket ticket;
    std::shared_ptr<ClientAccount> account; // in the scheduler's service order
    bool oldestOverdue = false;             // its place in the order says so
    std::uint32_t gaveWay = 0;              // how often its slot went to an interactive one

    RequestTimings timings;
    TimePoint submitted;    // set by who queues it
    TimePoint waitingSince; // submitting, or giving way
    TimePoint joined;
    TimePoint lastChunk;    // joining, or the last step that computed some of its prompt
    bool gathering = false; // its prompt was held since then
    TimePoint firstToken;
    TimePoint lastToken;

    std::uint32_t length() const { return static_cast<std::uint32_t>(tokens.size()) + unseen; }
    std::uint32_t pending() const { return length() - computed; }
    /// Its tokens were changed by other than sampling: what is sampled in flight does not follow.
    void beginTurn() {
        ++turn;
        unseen = 0;
    }
    bool prefilling() const { return computed < promptTokens || pending() > 1; }
    /// The most rows its next chunk may have.
    std::uint32_t chunkLimit(std::uint32_t reproducibleRows) const {
        if (!request.reproducible)
            return pending();
        if (computed >= chunkedTokens)
            return 1;
        const std::uint32_t toBorder = reproducibleRows - computed % reproducibleRows;
        return std::min(toBorder, chunkedTokens - computed);
    }
};

} // namespace engine

#include "tests/support/fake_executor.h"

#include <algorithm>
#include <cstring>
#include <deque>
#include <span>
#include <thread>

namespace tests {

using namespace engine;

namespace {

constexpr std::uint32_t kWords = 200;
constexpr std::uint64_t kEmptyPrefix = 0x9E3779B97F4A7C15ULL;
constexpr std::uint64_t kPoison = 0xDEADDEADDEADDEADULL;

std::uint64_t extend(std::uint64_t prefix, TokenId token) {
    std::uint64_t x = prefix ^ (static_cast<std::uint64_t>(token) + 0x100);
    x = (x ^ (x >> 30)) * 0xBF58476D1CE4E5B9ULL;
    x = (x ^ (x >> 27)) * 0x94D049BB133111EBULL;
    return x ^ (x >> 31);
}

TokenId chosenBy(std::uint64_t prefix) {
    if (prefix % 50 == 0)
        return kFakeEos;
    return kFakeFirstWord + static_cast<TokenId>(prefix / 50 % kWords);
}

class NoTensors final : public TensorSource {
  public:
    const std::vector<TensorInfo>& tensors() const override { return m_none; }
    const TensorInfo* find(std::string_view) const override { return nullptr; }
    Status read(const TensorInfo&, std::uint64_t, std::span<std::byte>) const override {
        return Status(Code::InternalError, {{"detail", "the fake model has no tensors"}});
    }
    explicit NoTensors(std::string name) : m_name(std::move(name)) {}
    std::string contentHash() const override { return "fa4e-" + m_name; }

  private:
    std::string m_name; // another model has another content
    std::vector<TensorInfo> m_none;
};

/// What a slot's sampler has counted for its penalties, in whatever order.
struct Counted {
    bool penalizes = false;
    std::uint64_t sum = 0; // stays 0 without penalties

    void add(TokenId token) { sum += penalizes ? extend(kEmptyPrefix, token) : 0; }
};

class FakeExecutor final : public Executor {
  public:
    explicit FakeExecutor(std::shared_ptr<FakeExecutorScript> script)
        : m_script(std::move(script)) {}
    ~FakeExecutor() override { release(); }

    std::string deviceName() const override { return m_script->deviceName; }
    NumberFormats formats() const override {
        return {WeightFormat::F32, ActivationFormat::F32, KvFormat::F32};
    }

    Result<MemoryPlan> memoryPlan(const ModelConfig& config, const TensorSource&,
                                  const ExecutorPlan& plan) const override {
        DeviceMemory memory;
        memory.device = "FAKE";
        const std::uint64_t weights_bytes = m_script->weights_bytes;
        memory.weights_bytes = config.name == "huge" ? 60'000'000 : weights_bytes;
        memory.kv_bytes = plan.pageCount * 1000ULL;
        memory.free_bytes =
            50'000'000 -
            std::min<std::uint64_t>(49'999'999, weights_bytes * std::uint64_t(m_script->alive));
        MemoryPlan result;
        result.devices.push_back(memory);
        return result;
    }

    Status load(const ModelConfig& config, std::shared_ptr<const TensorSource>,
                const ExecutorPlan& plan, const LoadProgress& progress,
                const std::atomic<bool>& stop) override {
        for (std::uint32_t i = 0; i < m_script->loadTensors; ++i) {
            if (stop)
                return Status(Code::Cancelled);
            std::this_thread::sleep_for(m_script->tensorTime.load());
            if (progress)
                progress(i + 1, m_script->loadTensors);
        }
        if (config.name == "broken")
            return fault();
        ++m_script->loads;
        m_script->plannedPages = plan.pageCount;
        if (!m_script->loadFailure.ok() && m_script->failingLoads != 0) {
            m_script->failingLoads -= m_script->failingLoads > 0 ? 1 : 0;
            return m_script->loadFailure;
        }
        m_pages.assign(static_cast<std::size_t>(plan.pageCount) * kPageTokens, kPoison);
        m_slots.assign(plan.slotCount, false);
        m_last.assign(plan.slotCount, kNoToken);
        m_counted.assign(plan.slotCount, {});
        m_maxRows = plan.maxBatchRows;
        m_context = plan.context;
        m_loaded = true;
        ++m_script->alive;
        return {};
    }

    Status setSlot(SlotId slot, const SamplerSpec& spec) override {
        if (m_script->dieAtSlot)
            m_dead = true;
        if (m_dead)
            return fault();
        if (m_script->refuseSlots)
            return Status(Code::InternalError, {{"detail", "slot refused"}});
        if (slot >= m_slots.size())
            return complain("slot out of range");
        m_slots[slot] = true;
        m_last[slot] = kNoToken;
        m_counted[slot] = {};
        m_counted[slot].penalizes = spec.repetitionPenalty != 1.0F ||
                                    spec.presencePenalty != 0.0F || spec.frequencyPenalty != 0.0F;
        for (const TokenId token : spec.seenTokens)
            m_counted[slot].add(token);
        return {};
    }
    Status setSlotMask(SlotId, std::span<const std::uint32_t>) override { return {}; }

    bool runsAhead() const override { return m_script->runsAhead; }
    std::uint32_t cheapRows() const override { return m_script->cheapRows; }

    Result<Ticket> submit(Batch batch) override {
        if (m_results.size() > (m_script->runsAhead ? 1 : 0))
            return complain("too many tickets in flight");
        const std::uint32_t step = ++m_script->steps;
        const auto rows = static_cast<std::uint32_t>(batch.rows.size());
        m_script->rows += rows;
        m_script->mostRows = std::max(m_script->mostRows.load(), rows);
        m_script->mostTables =
            std::max(m_script->mostTables.load(), static_cast<std::uint32_t>(batch.tables.size()));
        if (m_script->onSubmit)
            m_script->onSubmit(batch);
        else
            std::this_thread::sleep_for(m_script->stepTime.load() +
                                        m_script->rowTime.load() * rows);
        m_result = {};
        // Behind a fault nothing is computed until somebody has read of it.
        const bool stuck = !m_results.empty() && !m_results.back().result.status.ok();
        if (step == m_script->failAtStep || stuck) {
            m_dead = m_dead || m_script->dieAtFault;
            m_result.status = fault();
        } else {
            m_result.status = check(batch);
            if (m_result.status.ok())
                compute(batch);
        }
        using Clock = std::chrono::steady_clock;
        m_freeAt = std::max(m_freeAt, Clock::now()) +
                   std::chrono::microseconds(m_script->device_us + rows * m_script->deviceRow_us);
        m_results.push_back({std::move(m_result), m_freeAt});
        return ++m_ticket;
    }
    bool isDone(Ticket) const override {
        if (m_script->isDone)
            return m_script->isDone();
        return m_results.empty() || m_results.front().doneAt <= std::chrono::steady_clock::now();
    }
    BatchResult collect(Ticket ticket) override {
        BatchResult result;
        if (m_results.empty() || ticket + m_results.size() != m_ticket + 1) {
            result.status = complain("a ticket that is not the oldest");
            return result;
        }
        std::this_thread::sleep_until(m_results.front().doneAt);
        if (m_script->onCollect)
            m_script->onCollect();
        result = std::move(m_results.front().result);
        if (m_script->onTimings)
            m_script->onTimings(result.timings);
        m_results.pop_front();
        return result;
    }

    Status copyPage(PageId from, PageId to) override {
        if (m_script->failPages)
            return fault();
        ++m_script->copies;
        const std::span<std::uint64_t> source = page(from);
        std::copy(source.begin(), source.end(), page(to).begin());
        return {};
    }
    Result<std::vector<std::byte>> savePage(PageId saved) override {
        if (m_script->failPages)
            return fault();
        ++m_script->saves;
        std::this_thread::sleep_for(m_script->saveTime.load());
        const auto bytes = std::as_bytes(page(saved));
        return std::vector<std::byte>(bytes.begin(), bytes.end());
    }
    Status restorePage(PageId restored, std::span<const std::byte> bytes) override {
        if (m_script->failPages)
            return fault();
        ++m_script->restores;
        std::memcpy(page(restored).data(), bytes.data(), bytes.size());
        return {};
    }
    void poison() override { m_pages.assign(m_pages.size(), kPoison); }
    Health health() const override {
        return m_dead ? Health{HealthState::Dead, fault()} : Health{};
    }
    void release() override {
        if (std::exchange(m_loaded, false))
            --m_script->alive;
        m_pages.clear();
    }

  private:
    struct Computed {
        BatchResult result;
        std::chrono::steady_clock::time_point doneAt;
    };

    Status fault() const {
        return Status(Code::DeviceLost, {{"device", "FAKE"}, {"reason", "as scripted"}});
    }
    Status complain(const char* what) {
        if (!m_script->broken.exchange(true))
            m_script->complaint = what;
        return Status(Code::InternalError, {{"detail", what}});
    }

    Status check(const Batch& batch) {
        if (batch.rows.empty() || batch.rows.size() > m_maxRows)
            return complain("number of rows");
        std::vector<std::uint32_t> tablesOf(m_pages.size() / kPageTokens);
        for (const PageTable& table : batch.tables) {
            for (const PageId page : table.pages) {
                if (page == kPaddingPage || page >= tablesOf.size())
                    return complain("page id");
                ++tablesOf[page];
            }
        }
        for (std::size_t i = 0; i < batch.rows.size(); ++i) {
            const BatchRow& row = batch.rows[i];
            const bool slotless = row.want == Want::Nothing && row.slot == kNoSlot;
            if (row.table >= batch.tables.size() ||
                (!slotless && (row.slot >= m_slots.size() || !m_slots[row.slot])))
                return complain("table or slot");
            if (row.position / kPageTokens >= batch.tables[row.table].pages.size())
                return complain("position outside of its pages");
            if (tablesOf[batch.tables[row.table].pages[row.position / kPageTokens]] > 1)
                return complain("a row is written to a page of two tables");
            if (row.position >= m_context)
                return complain("position outside of the context");
            if (i > 0 && batch.rows[i - 1].table == row.table &&
                batch.rows[i - 1].position + 1 != row.position)
                return complain("rows of a sequence do not ascend by one");
        }
        if (batch.reproducible && batch.tables.size() != 1)
            return complain("a reproducible request shares its batch");
        return {};
    }

    std::span<std::uint64_t> page(PageId page) {
        return std::span(m_pages).subspan(std::size_t(page) * kPageTokens, kPageTokens);
    }

    std::uint64_t& cell(const Batch& batch, const BatchRow& row, std::uint32_t position) {
        const PageId page = batch.tables[row.table].pages[position / kPageTokens];
        return m_pages[static_cast<std::size_t>(page) * kPageTokens + position % kPageTokens];
    }

    void compute(const Batch& batch) {
        for (std::uint32_t i = 0; i < batch.rows.size(); ++i) {
            const BatchRow& row = batch.rows[i];
            const std::uint64_t before =
                row.position == 0 ? kEmptyPrefix : cell(batch, row, row.position - 1);
            if (before == kPoison)
                m_result.status = complain("a row attends to KV that nobody wrote");
            const std::size_t shape = m_script->shapeMatters ? 100'000 * batch.rows.size() : 0;
            const TokenId token = row.token == kLastSampled ? m_last[row.slot] : row.token;
            m_script->ahead += row.token == kLastSampled ? 1 : 0;
            if (token < 0)
                m_result.status = complain("a row goes on from a token that was not sampled");
            const std::uint64_t prefix = extend(before, token + static_cast<TokenId>(shape));
            cell(batch, row, row.position) = prefix;
            if (row.want == Want::Nothing)
                continue;
            RowResult result;
            result.row = i;
            const std::uint64_t counted = row.slot == kNoSlot ? 0 : m_counted[row.slot].sum;
            result.token = chosenBy(prefix + counted);
            if (row.slot != kNoSlot) {
                m_last[row.slot] = result.token;
                m_counted[row.slot].add(result.token);
            }
            result.logprob = -0.5F;
            for (std::uint32_t k = 0; row.want == Want::TopLogprobs && k < batch.topCount; ++k)
                result.topLogprobs.push_back({static_cast<TokenId>(k), -0.5F - float(k)});
            m_result.rows.push_back(std::move(result));
        }
    }

    std::shared_ptr<FakeExecutorScript> m_script;
    std::vector<std::uint64_t> m_pages; // [pages, kPageTokens] hash of the prefix
    std::vector<bool> m_slots;
    std::vector<TokenId> m_last;    // [slots] sampled last
    std::vector<Counted> m_counted; // [slots]
    BatchResult m_result;           // of the step that is computed
    std::deque<Computed> m_results;
    std::chrono::steady_clock::time_point m_freeAt; // when the device has done all it was given
    Ticket m_ticket = 0;
    std::uint32_t m_maxRows = 0;
    std::uint32_t m_context = 0;
    bool m_loaded = false;
    bool m_dead = false;
};

} // namespace

std::unique_ptr<Executor> makeFakeExecutor(std::shared_ptr<FakeExecutorScript> script) {
    return std::make_unique<FakeExecutor>(std::move(script));
}

std::vector<TokenId> expectedTokens(const std::vector<TokenId>& prompt, std::uint32_t limit,
                                    bool beyondTheEnd) {
    std::uint64_t hash = kEmptyPrefix;
    for (const TokenId token : prompt)
        hash = extend(hash, token);
    std::vector<TokenId> generated;
    while (generated.size() < limit) {
        const TokenId next = chosenBy(hash);
        if (next == kFakeEos && !beyondTheEnd)
            break;
        generated.push_back(next);
        hash = extend(hash, next);
    }
    return generated;
}

OpenedModel fakeModel(const std::filesystem::path& path, std::uint32_t context) {
    OpenedModel model;
    model.path = path;
    model.format = "fake";
    model.config.name = path.stem().string();
    model.config.contextLength = context;
    model.tensors = std::make_shared<NoTensors>(model.config.name);
    Vocabulary& vocabulary = model.vocabulary;
    vocabulary.kind = TokenizerKind::SentencePiece;
    const auto add = [&](std::string text, TokenAttribute attribute) {
        VocabularyToken token;
        token.text = std::move(text);
        token.attribute = attribute;
        token.score = -static_cast<float>(vocabulary.tokens.size());
        vocabulary.tokens.push_back(std::move(token));
    };
    add("<unk>", TokenAttribute::Unknown);
    add("<s>", TokenAttribute::Control);
    add("</s>", TokenAttribute::Control);
    for (int byte = 0; byte < 256; ++byte) {
        char text[8];
        std::snprintf(text, sizeof text, "<0x%02X>", byte);
        add(text, TokenAttribute::Byte);
    }
    add("<think>", TokenAttribute::UserDefined);
    add("</think>", TokenAttribute::UserDefined);
    for (std::uint32_t word = 0; word < kWords; ++word)
        add("\xE2\x96\x81w" + std::to_string(word), TokenAttribute::Normal);
    add("\xE2\x96\x81w",
        TokenAttribute::Normal); // on the way to every word: merges go pair by pair
    if (model.config.name == "thinker")
        model.chatTemplate = "{% for message in messages %}{{ message.role }}: "
                             "{{ message.content }}\n{% endfor %}"
                             "{% if add_generation_prompt %}assistant: <think>\n{% endif %}";
    vocabulary.bos = 1;
    vocabulary.eos = kFakeEos;
    vocabulary.unknown = 0;
    vocabulary.addBos = true;
    vocabulary.endOfGeneration = {kFakeEos};
    model.config.vocabularySize = static_cast<std::uint32_t>(vocabulary.tokens.size());
    return model;
}

EngineParts fakeParts(std::map<std::string, std::shared_ptr<FakeExecutorScript>> scripts,
                      std::uint32_t context) {
    EngineParts parts = fakeParts(scripts.begin()->second, context);
    parts.makeExecutor = [scripts =
                              std::move(scripts)](const std::string& device,
                                                  SplitMode) -> Result<std::unique_ptr<Executor>> {
        const auto script = scripts.find(device);
        if (script == scripts.end())
            return Status(Code::DeviceUnavailable,
                          {{"device", device}, {"reason", "there is no device of that number"}});
        return makeFakeExecutor(script->second);
    };
    return parts;
}

EngineParts fakeParts(std::shared_ptr<FakeExecutorScript> script, std::uint32_t context) {
    EngineParts parts;
    parts.open = [context](const std::filesystem::path& path) -> Result<OpenedModel> {
        if (path.stem() == "absent")
            return Status(Code::FileCannotOpen,
                          {{"file", path.string()}, {"reason", "no such file"}});
        return fakeModel(path, context);
    };
    parts.makeExecutor = [script](const std::string&,
                                  SplitMode) -> Result<std::unique_ptr<Executor>> {
        return makeFakeExecutor(script);
    };
    return parts;
}

} // namespace tests

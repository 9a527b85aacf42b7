// The test's side of the shim.
#include "tests/cuda_shim/state.h"

namespace tests {

namespace {

class Control final : public CudaShim {
  public:
    void reset(const std::vector<CudaShimDevice>& devices) override {
        const std::lock_guard lock(m_state.mutex);
        m_state.reset(devices);
    }
    void fail(const CudaShimFault& fault) override {
        const std::lock_guard lock(m_state.mutex);
        m_state.faults.push_back(fault);
    }
    void hang(int device) override {
        const std::lock_guard lock(m_state.mutex);
        m_state.hung.insert(device);
    }
    void hold(const std::string& call, int device) override {
        const std::lock_guard lock(m_state.mutex);
        m_state.hold = {call, device, false};
    }
    bool isHolding() const override {
        const std::lock_guard lock(m_state.mutex);
        return m_state.hold.waits;
    }
    void letGo() override {
        const std::lock_guard lock(m_state.mutex);
        m_state.hold = {};
        m_state.letGo.notify_all();
    }
    std::uint64_t endlessWaits() const override { return read(m_state.endlessWaits); }
    void heal() override {
        const std::lock_guard lock(m_state.mutex);
        m_state.faults.clear();
        m_state.dead.assign(m_state.devices.size(), cudaSuccess);
    }
    CudaShimHeld held() const override {
        const std::lock_guard lock(m_state.mutex);
        return m_state.counts();
    }
    std::vector<std::uint32_t> pinnedWords() const override {
        const std::lock_guard lock(m_state.mutex);
        return m_state.pinnedWords();
    }
    std::uint64_t calls() const override { return read(m_state.calls); }
    std::uint64_t calls(const std::string& name) const override {
        const std::map<std::string, std::uint64_t> named = read(m_state.namedCalls);
        const auto found = named.find(name);
        return found == named.end() ? 0 : found->second;
    }
    std::uint64_t workCalls() const override { return read(m_state.workCalls); }
    std::uint64_t waitingCopies() const override { return read(m_state.waitingCopies); }
    std::uint64_t kernelLaunches() const override { return read(m_state.kernelLaunches); }
    std::uint64_t graphLaunches() const override { return read(m_state.graphLaunches); }
    void watchKernels() override {
        const std::lock_guard lock(m_state.mutex);
        m_state.watching = true;
    }
    std::set<std::string> lateKernels() const override { return read(m_state.late); }
    void watchAccesses() override {
        const std::lock_guard lock(m_state.mutex);
        m_state.watchesAccesses = true;
        m_state.accesses.clear();
    }
    std::vector<CudaShimAccess> accesses() const override { return read(m_state.accesses); }

  private:
    template<typename T>
    T read(const T& value) const {
        const std::lock_guard lock(m_state.mutex);
        return value;
    }

    ShimState& m_state = ShimState::instance();
};

} // namespace
} // namespace tests

extern "C" tests::CudaShim* inglenook_cuda_shim() {
    static tests::Control control;
    return &control;
}

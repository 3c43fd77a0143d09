#include "io/mapping_guard.hpp"

#include <signal.h>
#include <sys/mman.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <mutex>

namespace modelaudit::io {
namespace {

// The handler may run at any instruction, so the table is plain atomics: a slot is in use while `begin` is not zero.
struct Slot {
  std::atomic<std::uintptr_t> begin{0};
  std::atomic<std::uintptr_t> end{0};
  std::atomic<bool> faulted{false};
};

constexpr int k_slots = 256;
std::array<Slot, k_slots> g_slots;
std::mutex g_install_mutex;
int g_guards = 0;
struct sigaction g_previous;
std::uintptr_t g_page_mask = 0;

void pass_on(int signal, siginfo_t* info, void* context) {
  if ((g_previous.sa_flags & SA_SIGINFO) != 0 && g_previous.sa_sigaction != nullptr) {
    g_previous.sa_sigaction(signal, info, context);
  } else if (g_previous.sa_handler != SIG_DFL && g_previous.sa_handler != SIG_IGN) {
    g_previous.sa_handler(signal);
  } else {
    // The default action, at the same instruction, once this handler returns.
    ::signal(SIGBUS, SIG_DFL);
  }
}

void on_fault(int signal, siginfo_t* info, void* context) {
  const auto address = reinterpret_cast<std::uintptr_t>(info->si_addr);
  for (Slot& slot : g_slots) {
    const std::uintptr_t begin = slot.begin.load(std::memory_order_acquire);
    if (begin == 0 || address < begin || address >= slot.end.load(std::memory_order_acquire)) continue;
    const std::uintptr_t page = address & g_page_mask;
    void* const at = reinterpret_cast<void*>(page);
    const std::size_t page_size = static_cast<std::size_t>(~g_page_mask + 1);
    // mmap is a bare system call here: async-signal-safe in practice, as in other users of this technique.
    if (mmap(at, page_size, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0) != MAP_FAILED) {
      slot.faulted.store(true, std::memory_order_release);
      return;
    }
  }
  pass_on(signal, info, context);
}

void install() {
  g_page_mask = ~(static_cast<std::uintptr_t>(sysconf(_SC_PAGESIZE)) - 1);
  struct sigaction action{};
  action.sa_sigaction = on_fault;
  action.sa_flags = SA_SIGINFO | SA_NODEFER;
  sigemptyset(&action.sa_mask);
  sigaction(SIGBUS, &action, &g_previous);
}

void uninstall() {
  struct sigaction current{};
  sigaction(SIGBUS, nullptr, &current);
  // Somebody may have installed a handler of their own meanwhile: leave that one alone.
  if ((current.sa_flags & SA_SIGINFO) != 0 && current.sa_sigaction == on_fault) sigaction(SIGBUS, &g_previous, nullptr);
}

int take_slot(std::uintptr_t begin, std::uintptr_t end) {
  for (int i = 0; i < k_slots; ++i) {
    Slot& slot = g_slots[static_cast<std::size_t>(i)];
    if (slot.begin.load(std::memory_order_relaxed) != 0) continue;
    slot.faulted.store(false, std::memory_order_relaxed);
    slot.end.store(end, std::memory_order_release);
    slot.begin.store(begin, std::memory_order_release);
    return i;
  }
  return -1;
}

}  // namespace

MappingGuard::MappingGuard(const void* data, std::size_t size) {
  const auto begin = reinterpret_cast<std::uintptr_t>(data);
  const std::lock_guard lock(g_install_mutex);
  // The last page of a mapping is whole even where the file is not.
  slot_ = take_slot(begin, begin + size + static_cast<std::size_t>(sysconf(_SC_PAGESIZE)));
  if (slot_ < 0) return;
  if (g_guards++ == 0) install();
}

MappingGuard::~MappingGuard() {
  if (slot_ < 0) return;
  const std::lock_guard lock(g_install_mutex);
  g_slots[static_cast<std::size_t>(slot_)].begin.store(0, std::memory_order_release);
  if (--g_guards == 0) uninstall();
}

bool MappingGuard::faulted() const noexcept {
  return slot_ >= 0 && g_slots[static_cast<std::size_t>(slot_)].faulted.load(std::memory_order_acquire);
}

}  // namespace modelaudit::io

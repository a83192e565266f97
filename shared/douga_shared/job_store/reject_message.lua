-- KEYS[1]: the list. ARGV: seconds to live, how many are kept, the message.

local time = redis.call('TIME')
redis.call('LPUSH', KEYS[1], time[1] .. '.' .. string.format('%06d', time[2]) .. ' ' .. ARGV[3])
redis.call('LTRIM', KEYS[1], 0, ARGV[2] - 1)
redis.call('EXPIRE', KEYS[1], ARGV[1])
